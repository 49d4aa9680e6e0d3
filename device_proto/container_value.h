/* container_value.h - what the verifier knows of one register or stack slot: an interval of numbers, or a pointer into
 * one region with an interval of offsets.
 * The interval is signed. Unsigned operations and comparisons are judged exactly where both operands lie in one half of
 * the numbers (that is where signed and unsigned order agree) and by the bounds that they enforce elsewhere: a value
 * below an unsigned bound is not negative. */
#ifndef TINYPART_DEVICE_PROTO_CONTAINER_VALUE_H
#define TINYPART_DEVICE_PROTO_CONTAINER_VALUE_H

#include "device_proto/container_isa.h"

enum container_value_kind {
    VALUE_UNSET = 0, /* may never have been set */
    VALUE_NUMBER,    /* least .. most */
    VALUE_SENSOR,    /* a sensor's handle, or 0 */
    VALUE_STACK,     /* frame pointer + least .. most */
    VALUE_CONTEXT,   /* these: beginning of the region + least .. most */
    VALUE_DATA,
    VALUE_RODATA,
};

struct container_value {
    enum container_value_kind kind;
    int64_t least, most; /* least <= most */
    bool not_zero;       /* although 0 may lie between them */
};

static inline struct container_value value_between(int64_t least, int64_t most)
{
    return (struct container_value){ .kind = VALUE_NUMBER, .least = least, .most = most };
}

static inline struct container_value value_of(int64_t number)
{
    return value_between(number, number);
}

static inline struct container_value value_any(void)
{
    return value_between(INT64_MIN, INT64_MAX);
}

static inline bool value_is_pointer(const struct container_value *value)
{
    return value->kind >= VALUE_STACK;
}

static inline bool value_equal(const struct container_value *a, const struct container_value *b)
{
    return a->kind == b->kind && a->least == b->least && a->most == b->most && a->not_zero == b->not_zero;
}

/* Everything that either may be. */
struct container_value value_join(const struct container_value *a, const struct container_value *b);

/* a operation b, neither of them unset. Division and remainder assume a divisor other than 0. */
struct container_value value_alu(enum container_operation operation, const struct container_value *a,
                                 const struct container_value *b);

/* Whether b is surely not 0. */
bool value_not_zero(const struct container_value *b);

/* Narrows both to where "a condition b" holds (or does not). false: it never does. */
bool value_refine(enum container_operation condition, bool holds, struct container_value *a, struct container_value *b);

#endif
