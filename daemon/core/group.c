#include "daemon/core/group.h"

#include <string.h>

#include "daemon/core/ports/store.h"

int core_group_begin(struct core *core)
{
    int r = core->store->group_begin(core->store);

    if (r == 0)
        memcpy(core->counted_before, core->counters, sizeof(core->counters));
    return r;
}

bool core_group_waits(const struct core *core)
{
    return core->store->group_waits(core->store);
}

int core_group_end(struct core *core)
{
    int r = core->store->group_end(core->store);

    if (r != 0)
        memcpy(core->counters, core->counted_before, sizeof(core->counters));
    return r;
}
