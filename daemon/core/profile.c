#include "daemon/core/profile.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "daemon/core/access.h"
#include "daemon/core/ports/store.h"

int profile_find(struct core *core, const char *name, struct profile *out, struct why *why)
{
    int r = core->store->profile_by_name(core->store, name, out);
    if (r == REFUSED_UNKNOWN)
        return refuse(why, REFUSED_UNKNOWN, "profile", "tinypartctl profile list shows the profiles",
                      "there is no profile %.64s", name);
    return r;
}

int profile_slot_text(const char *pattern, unsigned slot, char *out, size_t capacity)
{
    const char *mark = strstr(pattern, "%u");
    int size = mark == NULL ? snprintf(out, capacity, "%s", pattern)
                            : snprintf(out, capacity, "%.*s%u%s", (int)(mark - pattern), pattern, slot, mark + 2);

    return size >= 0 && (size_t)size < capacity ? 0 : -E2BIG;
}

int profile_get(struct core *core, const struct caller *caller, const char *name, struct profile *out, struct why *why)
{
    int r = access_check(caller, CAN_SEE_DEVICES, why);
    return r != 0 ? r : profile_find(core, name, out, why);
}

int profile_list(struct core *core, const struct caller *caller,
                 int (*each)(void *context, const struct profile *profile), void *context, struct why *why)
{
    int r = access_check(caller, CAN_SEE_DEVICES, why);
    return r != 0 ? r : core->store->profile_each(core->store, each, context);
}
