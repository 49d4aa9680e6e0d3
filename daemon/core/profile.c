#include "daemon/core/profile.h"

#include "daemon/core/access.h"
#include "daemon/core/ports/store.h"

int profile_find(struct core *core, const char *name, struct profile *out, struct why *why)
{
    int r = core->store->profile_by_name(core->store, name, out);
    if (r == REFUSED_UNKNOWN)
        return refuse(why, r, "profile", "tinypartctl profile list shows the profiles", "there is no profile %.64s",
                      name);
    return r;
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
