/* transaction.h - how every deed of the rules ends: committed whole, or not at all. */
#ifndef TINYPART_CORE_TRANSACTION_H
#define TINYPART_CORE_TRANSACTION_H

#include "daemon/core/core.h"
#include "daemon/core/ports/store.h"

/* For the tail of a deed after store->begin(): commits when r is 0, else takes everything back. Returns r, or why the
 * commit failed. */
static inline int transaction_end(struct core *core, int r)
{
    if (r == 0)
        r = core->store->commit(core->store);
    if (r != 0)
        core->store->rollback(core->store);
    return r;
}

#endif
