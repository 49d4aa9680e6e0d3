#define noise_bernoulli_exp enumerated_bernoulli_exp
#define noise_laplace       enumerated_laplace
#define noise_laplace_many  enumerated_laplace_many
#include "tests/unit/device_proto/enumerated_draw.h"

#include "device_proto/noise.c"

uint64_t enumeration_choose(struct enumeration *enumeration, uint64_t n)
{
    if (enumeration->at == enumeration->depth) {
        if (enumeration->depth == ENUMERATION_DEPTH_MAX) {
            enumeration->probability = 0;
            return 0;
        }
        enumeration->path[enumeration->depth].choice = 0;
        enumeration->path[enumeration->depth].n = n;
        enumeration->depth++;
    }
    return enumeration->path[enumeration->at++].choice;
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
