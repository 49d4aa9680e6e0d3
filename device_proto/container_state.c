/* container_state.c - registers and stack, joined and accessed.
 * A stack slot keeps its value only through stores of all its 8 bytes at once (which is how compilers spill); a store
 * to part of it, or to a place that is not known exactly, leaves any number there. */
#include "device_proto/container_state.h"

void container_state_begin(struct container_state *state, size_t context_size)
{
    memset(state, 0, sizeof(*state));
    for (unsigned i = 0; i < STATE_SLOTS; i++)
        state->slots[i] = value_any();
    state->registers[1] = context_size > 0 ? (struct container_value){ .kind = VALUE_CONTEXT } : value_any();
    state->registers[STATE_REGISTERS - 1] = (struct container_value){ .kind = VALUE_STACK };
}

void container_state_join(struct container_state *state, const struct container_state *other)
{
    for (unsigned i = 0; i < STATE_REGISTERS; i++)
        state->registers[i] = value_join(&state->registers[i], &other->registers[i]);
    for (unsigned i = 0; i < STATE_SLOTS; i++)
        state->slots[i] = value_join(&state->slots[i], &other->slots[i]);
    for (unsigned i = 0; i < sizeof(state->written); i++)
        state->written[i] &= other->written[i];
}

static bool covers(const struct container_value *value, const struct container_value *other)
{
    struct container_value joined;

    if (value_equal(value, other))
        return true;
    joined = value_join(value, other);
    return value_equal(&joined, value);
}

bool container_state_covers(const struct container_state *state, const struct container_state *other)
{
    for (unsigned i = 0; i < STATE_REGISTERS; i++)
        if (!covers(&state->registers[i], &other->registers[i]))
            return false;
    for (unsigned i = 0; i < sizeof(state->written); i++)
        if ((state->written[i] & ~other->written[i]) != 0)
            return false;
    for (unsigned i = 0; i < STATE_SLOTS; i++)
        if (!covers(&state->slots[i], &other->slots[i]))
            return false;
    return true;
}

unsigned container_state_likeness(const struct container_state *a, const struct container_state *b)
{
    unsigned same = 0;

    for (unsigned i = 0; i < STATE_REGISTERS; i++)
        same += value_equal(&a->registers[i], &b->registers[i]);
    return same;
}

/* ---- memory ---- */

/* Whether size bytes at address + offset lie within the region for all that the address may be. */
static int check_range(const struct container_regions *regions, const struct container_value *address, int16_t offset,
                       unsigned size)
{
    int64_t begin = 0, end = 0;

    switch (address->kind) {
    case VALUE_UNSET:
        return CONTAINER_UNPROVEN_REGISTER;
    case VALUE_NUMBER:
    case VALUE_SENSOR:
        return CONTAINER_UNPROVEN_ADDRESS;
    case VALUE_STACK:
        begin = -(int64_t)CONTAINER_STACK_SIZE;
        break;
    case VALUE_CONTEXT:
        end = (int64_t)regions->context;
        break;
    case VALUE_DATA:
        end = (int64_t)regions->data;
        break;
    case VALUE_RODATA:
        end = (int64_t)regions->rodata;
        break;
    }
    return address->least + offset < begin || address->most + offset + size > end ? CONTAINER_UNPROVEN_RANGE : 0;
}

/* Stack bytes from the lowest: those that the access may touch. */
struct reach {
    unsigned first, end;
    bool exact; /* and surely touches */
};

static struct reach reach_of(const struct container_value *address, int16_t offset, unsigned size)
{
    int64_t lowest = (int64_t)CONTAINER_STACK_SIZE + offset;

    return (struct reach){ (unsigned)(address->least + lowest), (unsigned)(address->most + lowest) + size,
                           address->least == address->most };
}

static bool is_written(const struct container_state *state, unsigned i)
{
    return ((unsigned)state->written[i / 8] >> (i % 8) & 1u) != 0;
}

static struct container_value of_size(unsigned size)
{
    return size == 8 ? value_any() : value_between(0, (INT64_C(1) << (8 * size)) - 1);
}

static int load_stack(const struct container_state *state, struct reach reach, unsigned size,
                      struct container_value *out)
{
    for (unsigned i = reach.first; i < reach.end; i++)
        if (!is_written(state, i))
            return CONTAINER_UNPROVEN_STACK_READ;
    *out = reach.exact && size == 8 && reach.first % 8 == 0 ? state->slots[reach.first / 8] : of_size(size);
    return 0;
}

int container_state_load(const struct container_state *state, const struct container_regions *regions,
                         const struct container_value *address, int16_t offset, unsigned size,
                         struct container_value *out)
{
    int r = check_range(regions, address, offset, size);

    if (r != 0)
        return r;
    if (address->kind == VALUE_STACK)
        return load_stack(state, reach_of(address, offset, size), size, out);
    *out = of_size(size);
    return 0;
}

static void store_stack(struct container_state *state, struct reach reach, unsigned size,
                        const struct container_value *value)
{
    for (unsigned i = reach.first / 8; i <= (reach.end - 1) / 8; i++)
        state->slots[i] = value_any();
    if (!reach.exact)
        return;
    for (unsigned i = reach.first; i < reach.end; i++)
        state->written[i / 8] |= (uint8_t)(1u << (i % 8));
    if (size == 8 && reach.first % 8 == 0)
        state->slots[reach.first / 8] = *value;
}

int container_state_store(struct container_state *state, const struct container_regions *regions,
                          const struct container_value *address, int16_t offset, unsigned size,
                          const struct container_value *value)
{
    int r = check_range(regions, address, offset, size);

    if (r != 0)
        return r;
    if (value->kind == VALUE_UNSET)
        return CONTAINER_UNPROVEN_REGISTER;
    if (address->kind == VALUE_RODATA)
        return CONTAINER_UNPROVEN_WRITE;
    if (address->kind == VALUE_STACK)
        store_stack(state, reach_of(address, offset, size), size, value);
    return 0;
}
