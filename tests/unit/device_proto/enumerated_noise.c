#define noise_below         enumerated_below
#define noise_bernoulli_exp enumerated_bernoulli_exp
#define noise_laplace       enumerated_laplace
#include "device_proto/noise.c"

#include "tests/unit/device_proto/enumerated_noise.h"

int enumerated_below(const struct proto_random *random, uint64_t n, uint64_t *out)
{
    struct enumeration *enumeration = random->context;

    *out = 0;
    if (n == 1)
        return 0;
    enumeration->probability /= (double)n;
    if (enumeration->at == enumeration->depth) {
        if (enumeration->depth == ENUMERATION_DEPTH_MAX)
            return ENUMERATION_PRUNED;
        enumeration->path[enumeration->depth].choice = 0;
        enumeration->path[enumeration->depth].n = n;
        enumeration->depth++;
    }
    *out = enumeration->path[enumeration->at++].choice;
    return enumeration->probability < enumeration->floor ? ENUMERATION_PRUNED : 0;
}

struct proto_random enumeration_start(struct enumeration *enumeration)
{
    enumeration->at = 0;
    enumeration->probability = 1;
    return (struct proto_random){ enumeration, NULL };
}

bool enumeration_next(struct enumeration *enumeration)
{
    enumeration->depth = enumeration->at;
    while (enumeration->depth > 0) {
        if (++enumeration->path[enumeration->depth - 1].choice < enumeration->path[enumeration->depth - 1].n)
            return true;
        enumeration->depth--;
    }
    return false;
}
