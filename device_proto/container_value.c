/* container_value.c - arithmetic and comparisons on intervals. */
#include "device_proto/container_value.h"

/* Offsets stay far from where an address could wrap, also of a section low in a device's flash; beyond, a pointer is
 * just a number. */
#define OFFSET_MAX (INT64_C(1) << 16)

static int64_t smaller(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t larger(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

static bool is_exact(const struct container_value *value)
{
    return value->kind == VALUE_NUMBER && value->least == value->most;
}

static bool is_null(const struct container_value *value)
{
    return is_exact(value) && value->least == 0;
}

bool value_not_zero(const struct container_value *b)
{
    return b->kind == VALUE_NUMBER && (b->least > 0 || b->most < 0 || b->not_zero);
}

struct container_value value_join(const struct container_value *a, const struct container_value *b)
{
    struct container_value joined = *a;

    if (a->kind == VALUE_UNSET || b->kind == VALUE_UNSET)
        return (struct container_value){ .kind = VALUE_UNSET };
    if (a->kind == VALUE_SENSOR && (b->kind == VALUE_SENSOR || is_null(b)))
        return *a;
    if (b->kind == VALUE_SENSOR && is_null(a))
        return *b;
    if (a->kind != b->kind)
        return value_any();
    joined.least = smaller(a->least, b->least);
    joined.most = larger(a->most, b->most);
    joined.not_zero = value_not_zero(a) && value_not_zero(b) && joined.least <= 0 && joined.most >= 0;
    return joined;
}

/* ---- arithmetic ---- */

static struct container_value of_kind(enum container_value_kind kind, int64_t least, int64_t most)
{
    struct container_value value = { .kind = kind, .least = least, .most = most };

    return kind >= VALUE_STACK && (least < -OFFSET_MAX || most > OFFSET_MAX) ? value_any() : value;
}

static struct container_value after_add(const struct container_value *a, const struct container_value *b)
{
    int64_t least, most;

    if (a->kind == VALUE_SENSOR || b->kind == VALUE_SENSOR || (value_is_pointer(a) && value_is_pointer(b)))
        return value_any();
    if (__builtin_add_overflow(a->least, b->least, &least) || __builtin_add_overflow(a->most, b->most, &most))
        return value_any();
    return of_kind(a->kind > b->kind ? a->kind : b->kind, least, most);
}

static struct container_value after_sub(const struct container_value *a, const struct container_value *b)
{
    int64_t least, most;

    if (a->kind == VALUE_SENSOR || b->kind == VALUE_SENSOR || (value_is_pointer(b) && a->kind != b->kind))
        return value_any();
    if (__builtin_sub_overflow(a->least, b->most, &least) || __builtin_sub_overflow(a->most, b->least, &most))
        return value_any();
    return of_kind(value_is_pointer(b) ? VALUE_NUMBER : a->kind, least, most);
}

static struct container_value after_mul(const struct container_value *a, const struct container_value *b)
{
    const int64_t factors[4][2] = {
        { a->least, b->least }, { a->least, b->most }, { a->most, b->least }, { a->most, b->most }
    };
    struct container_value product = value_any();
    int64_t corner;

    for (unsigned i = 0; i < 4; i++) {
        if (__builtin_mul_overflow(factors[i][0], factors[i][1], &corner))
            return value_any();
        product.least = i == 0 ? corner : smaller(product.least, corner);
        product.most = i == 0 ? corner : larger(product.most, corner);
    }
    return product;
}

/* Unsigned. A divisor that may be negative is, unsigned, larger than every number that is not. */
static struct container_value after_div(const struct container_value *a, const struct container_value *b)
{
    if (a->least >= 0)
        return b->least > 0 ? value_between(a->least / b->most, a->most / b->least) : value_between(0, a->most);
    if (b->least >= 2)
        return value_between(0, (int64_t)(UINT64_MAX / (uint64_t)b->least));
    return value_any();
}

static struct container_value after_mod(const struct container_value *a, const struct container_value *b)
{
    if (b->least > 0) {
        if (a->least >= 0 && a->most < b->least)
            return *a;
        return value_between(0, a->least >= 0 ? smaller(a->most, b->most - 1) : b->most - 1);
    }
    return a->least >= 0 ? value_between(0, a->most) : value_any();
}

/* The smallest 2^n - 1 that is not below value (>= 0). */
static int64_t all_ones(int64_t value)
{
    uint64_t ones = (uint64_t)value;

    for (unsigned shift = 1; shift < 64; shift *= 2)
        ones |= ones >> shift;
    return (int64_t)ones;
}

static struct container_value after_and(const struct container_value *a, const struct container_value *b)
{
    if (is_exact(a) && is_exact(b))
        return value_of(a->least & b->least);
    if (a->least >= 0 && b->least >= 0)
        return value_between(0, smaller(a->most, b->most));
    if (a->least >= 0)
        return value_between(0, a->most);
    return b->least >= 0 ? value_between(0, b->most) : value_any();
}

static struct container_value after_or(const struct container_value *a, const struct container_value *b, bool exclusive)
{
    if (is_exact(a) && is_exact(b))
        return value_of(exclusive ? a->least ^ b->least : a->least | b->least);
    if (a->least < 0 || b->least < 0)
        return value_any();
    return value_between(exclusive ? 0 : larger(a->least, b->least), all_ones(a->most | b->most));
}

/* Spelled out for compilers that shift negative numbers otherwise. */
static int64_t shifted_down(int64_t value, unsigned count)
{
    return value >= 0 ? value >> count : ~(~value >> count);
}

static struct container_value after_lsh(const struct container_value *a, unsigned count)
{
    int64_t factor;

    if (count == 63)
        return value_any();
    factor = INT64_C(1) << count;
    return after_mul(a, &(struct container_value){ .kind = VALUE_NUMBER, .least = factor, .most = factor });
}

static struct container_value after_rsh(const struct container_value *a, unsigned count)
{
    if (count == 0)
        return *a;
    if (a->least >= 0)
        return value_between(a->least >> count, a->most >> count);
    return value_between(0, (int64_t)(UINT64_MAX >> count));
}

/* By an amount that is not known, from 0 to 63. */
static struct container_value after_any_shift(enum container_operation operation, const struct container_value *a)
{
    if (operation == OPERATION_LSH || (operation == OPERATION_RSH && a->least < 0))
        return value_any();
    return value_between(smaller(a->least, 0), larger(a->most, -1));
}

/* Shifts count modulo 64 (RFC 9669), but an interpreter in C that leaves this to its compiler gets what the processor
 * makes of 64 and more: nothing is known then. */
static struct container_value after_shift(enum container_operation operation, const struct container_value *a,
                                          const struct container_value *b)
{
    unsigned count = (unsigned)((uint64_t)b->least & 63u);

    if (b->least < 0 || b->most > 63)
        return value_any();
    if (!is_exact(b))
        return after_any_shift(operation, a);
    if (operation == OPERATION_LSH)
        return after_lsh(a, count);
    if (operation == OPERATION_RSH)
        return after_rsh(a, count);
    return value_between(shifted_down(a->least, count), shifted_down(a->most, count));
}

static struct container_value after_neg(const struct container_value *a)
{
    return a->least == INT64_MIN ? value_any() : value_between(-a->most, -a->least);
}

struct container_value value_alu(enum container_operation operation, const struct container_value *a,
                                 const struct container_value *b)
{
    if (operation == OPERATION_MOV)
        return *b;
    if (operation == OPERATION_ADD)
        return after_add(a, b);
    if (operation == OPERATION_SUB)
        return after_sub(a, b);
    if (a->kind != VALUE_NUMBER || (operation != OPERATION_NEG && b->kind != VALUE_NUMBER))
        return value_any(); /* an address that was computed with is a number */
    switch (operation) {
    case OPERATION_MUL:
        return after_mul(a, b);
    case OPERATION_DIV:
        return after_div(a, b);
    case OPERATION_MOD:
        return after_mod(a, b);
    case OPERATION_AND:
        return after_and(a, b);
    case OPERATION_OR:
    case OPERATION_XOR:
        return after_or(a, b, operation == OPERATION_XOR);
    case OPERATION_LSH:
    case OPERATION_RSH:
    case OPERATION_ARSH:
        return after_shift(operation, a, b);
    case OPERATION_NEG:
        return after_neg(a);
    case OPERATION_ADD:
    case OPERATION_SUB:
    case OPERATION_MOV:
    case CONDITION_SLE:
        break;
    }
    return value_any();
}

/* ---- comparisons ---- */

static bool narrow(struct container_value *value, int64_t least, int64_t most)
{
    value->least = larger(value->least, least);
    value->most = smaller(value->most, most);
    return value->least <= value->most;
}

/* a < b (or a <= b), signed. */
static bool refine_below(struct container_value *a, struct container_value *b, bool or_equal)
{
    int64_t step = or_equal ? 0 : 1;

    if (b->most < INT64_MIN + step || a->least > INT64_MAX - step)
        return false;
    return narrow(a, INT64_MIN, b->most - step) && narrow(b, a->least + step, INT64_MAX);
}

/* The same unsigned: a negative number is larger than any other. Addresses of one region are in order either way. */
static bool refine_below_unsigned(struct container_value *a, struct container_value *b, bool or_equal)
{
    if (value_is_pointer(a))
        return refine_below(a, b, or_equal);
    if (b->least >= 0)
        return narrow(a, 0, INT64_MAX) && refine_below(a, b, or_equal);
    if (a->most < 0)
        return narrow(b, INT64_MIN, -1) && refine_below(a, b, or_equal);
    if (!or_equal || a->least > 0)
        b->not_zero = true;
    return true;
}

static bool refine_equal(struct container_value *a, struct container_value *b)
{
    return narrow(a, b->least, b->most) && narrow(b, a->least, a->most);
}

/* Takes a number that it is not off the ends of an interval. */
static bool exclude(struct container_value *value, int64_t number)
{
    if (value->least == number && value->most == number)
        return false;
    value->least += value->least == number;
    value->most -= value->most == number;
    if (number == 0 && value->kind == VALUE_NUMBER)
        value->not_zero = value->least < 0 && value->most > 0;
    return true;
}

static bool refine_unequal(struct container_value *a, struct container_value *b)
{
    if (a->least == a->most && !exclude(b, a->least))
        return false;
    return b->least != b->most || exclude(a, b->least);
}

static bool refine_set(bool holds, const struct container_value *a, const struct container_value *b)
{
    if (is_exact(a) && is_exact(b))
        return ((a->least & b->least) != 0) == holds;
    return !holds || (!is_null(a) && !is_null(b));
}

/* A handle against 0: the one comparison that says something about it. */
static bool refine_handle(bool equal, struct container_value *a, const struct container_value *b)
{
    if (equal && is_null(b))
        *a = value_of(0);
    return true;
}

bool value_refine(enum container_operation condition, bool holds, struct container_value *a, struct container_value *b)
{
    bool equal = (condition == CONDITION_EQ) == holds;

    if (condition == CONDITION_EQ || condition == (enum container_operation)CONDITION_NE) {
        if (a->kind == VALUE_SENSOR)
            return refine_handle(equal, a, b);
        if (a->kind != b->kind)
            return true;
        return equal ? refine_equal(a, b) : refine_unequal(a, b);
    }
    if (a->kind != b->kind || a->kind == VALUE_SENSOR)
        return true;
    switch ((int)condition) {
    case CONDITION_LT: /* a < b, or b <= a */
        return holds ? refine_below_unsigned(a, b, false) : refine_below_unsigned(b, a, true);
    case CONDITION_LE:
        return holds ? refine_below_unsigned(a, b, true) : refine_below_unsigned(b, a, false);
    case CONDITION_GT:
        return holds ? refine_below_unsigned(b, a, false) : refine_below_unsigned(a, b, true);
    case CONDITION_GE:
        return holds ? refine_below_unsigned(b, a, true) : refine_below_unsigned(a, b, false);
    case CONDITION_SLT:
        return holds ? refine_below(a, b, false) : refine_below(b, a, true);
    case CONDITION_SLE:
        return holds ? refine_below(a, b, true) : refine_below(b, a, false);
    case CONDITION_SGT:
        return holds ? refine_below(b, a, false) : refine_below(a, b, true);
    case CONDITION_SGE:
        return holds ? refine_below(b, a, true) : refine_below(a, b, false);
    default:
        return refine_set(holds, a, b);
    }
}
