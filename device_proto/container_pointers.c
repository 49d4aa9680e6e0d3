/* container_pointers.c - which addresses a container hands to helpers.
 * The device's interpreter checks each load and store, but its helpers do not: saul_reg_read calls through the sensor
 * that it is given, and writes 8 bytes wherever it is told to. A container that makes up either address owns the
 * device, and every other tenant's container on it. So each call must get what can be proven to be a sensor (or null)
 * and a place on the stack. The proof is a data-flow analysis over three kinds of values per register; where two ways
 * meet with different kinds, or a value went through memory, nothing is known and the call is refused. */
#include "device_proto/container_pointers.h"
#include "device_proto/container_isa.h"

#define REGISTERS     11u
#define FRAME_POINTER 10u
#define READING_SIZE  8
#define DEADLINE_SIZE 4
#define NUMBER_SIZE   4

/* A register's value: anything, a sensor or null, or (any other number) the frame pointer plus that many bytes. */
#define VALUE_ANY    INT16_MIN
#define VALUE_SENSOR (INT16_MIN + 1)

struct values {
    int16_t of[REGISTERS];
};

struct flow {
    const struct container *container;
    bool neg_is_8f;
    uint32_t count;
    uint8_t reached[CONTAINER_INSTRUCTIONS_MAX / 8u];
    struct values before[CONTAINER_INSTRUCTIONS_MAX]; /* each instruction */
};

static bool is_stack(int16_t value)
{
    return value != VALUE_ANY && value != VALUE_SENSOR;
}

static int16_t moved(int16_t value, int64_t by)
{
    int64_t offset = value + by;

    return is_stack(value) && offset <= 0 && offset >= -(int64_t)CONTAINER_STACK_SIZE ? (int16_t)offset
                                                                                      : (int16_t)VALUE_ANY;
}

static int16_t after_alu(const struct container_instruction *in, const struct values *values)
{
    unsigned operation = in->opcode & OPERATION_MASK;
    bool by_source = container_operand_is_source(in->opcode, CLASS_ALU);

    if (operation == OPERATION_MOV && by_source)
        return values->of[in->source];
    if (operation == OPERATION_ADD && !by_source)
        return moved(values->of[in->destination], in->immediate);
    if (operation == OPERATION_SUB && !by_source)
        return moved(values->of[in->destination], -(int64_t)in->immediate);
    return VALUE_ANY;
}

static void after_call(const struct container_instruction *in, struct values *values)
{
    bool finds = in->immediate == CONTAINER_SAUL_FIND_NTH || in->immediate == CONTAINER_SAUL_FIND_TYPE;

    for (unsigned i = 1; i <= 5; i++) /* may be overwritten (RFC 9669 section 2) */
        values->of[i] = VALUE_ANY;
    values->of[0] = finds ? VALUE_SENSOR : VALUE_ANY;
}

/* What an instruction makes of the registers. */
static void step(const struct container_instruction *in, enum container_class class, struct values *values)
{
    if (class == CLASS_ALU)
        values->of[in->destination] = after_alu(in, values);
    else if (class == CLASS_LOAD || class == CLASS_WIDE)
        values->of[in->destination] = VALUE_ANY;
    else if (class == CLASS_CALL)
        after_call(in, values);
}

/* Takes values to an instruction; true where that changed what is known there. */
static bool meet(struct flow *flow, uint32_t at, const struct values *values)
{
    uint8_t bit = (uint8_t)(1u << (at % 8));
    bool changed = false;

    if ((flow->reached[at / 8] & bit) == 0) {
        flow->reached[at / 8] |= bit;
        flow->before[at] = *values;
        return true;
    }
    for (unsigned i = 0; i < REGISTERS; i++) {
        int16_t *known = &flow->before[at].of[i];

        if (*known != VALUE_ANY && *known != values->of[i]) {
            *known = VALUE_ANY;
            changed = true;
        }
    }
    return changed;
}

static bool is_reached(const struct flow *flow, uint32_t at)
{
    return ((unsigned)flow->reached[at / 8] >> (at % 8) & 1u) != 0;
}

/* One pass along all edges. Values only ever get less known, so that the passes come to an end. */
static bool pass(struct flow *flow)
{
    bool changed = false;

    for (uint32_t i = 0; i < flow->count; i++) {
        struct container_instruction in = container_instruction(flow->container, i);
        enum container_class class = container_class_of(in.opcode, flow->neg_is_8f);
        struct values values;

        if (!is_reached(flow, i) || class == CLASS_EXIT)
            continue;
        values = flow->before[i];
        step(&in, class, &values);
        if (class == CLASS_JUMP || class == CLASS_CONDITION)
            changed |= meet(flow, (uint32_t)((int64_t)i + 1 + in.offset), &values);
        if (class != CLASS_JUMP)
            changed |= meet(flow, i + (class == CLASS_WIDE ? 2u : 1u), &values);
    }
    return changed;
}

static bool has_room(int16_t value, int size)
{
    return is_stack(value) && value <= -size;
}

/* 0, or why not. A helper that is not known here may do anything with its arguments, whoever allowed its number. */
static int check_call(const struct container_instruction *in, const struct values *values)
{
    bool safe;

    switch (in->immediate) {
    case CONTAINER_SAUL_FIND_NTH:
    case CONTAINER_SAUL_FIND_TYPE:
    case CONTAINER_ZTIMER_NOW:
    case CONTAINER_STORE_LOCAL: /* takes two numbers */
        return 0;
    case CONTAINER_FETCH_LOCAL:
        safe = has_room(values->of[2], NUMBER_SIZE);
        break;
    case CONTAINER_SAUL_READ:
        safe = values->of[1] == VALUE_SENSOR && has_room(values->of[2], READING_SIZE);
        break;
    case CONTAINER_ZTIMER_PERIODIC_WAKEUP: /* the device's build takes the address from r0 */
        safe = has_room(values->of[0], DEADLINE_SIZE);
        break;
    default:
        return CONTAINER_HELPER_REFUSED;
    }
    return safe ? 0 : CONTAINER_HELPER_POINTER;
}

int container_check_pointers(const struct container *container, bool neg_is_8f, uint32_t *out_at)
{
    struct flow flow = { .container = container, .neg_is_8f = neg_is_8f };
    struct values start;

    for (unsigned i = 0; i < REGISTERS; i++)
        start.of[i] = i == FRAME_POINTER ? 0 : VALUE_ANY;
    flow.count = (uint32_t)(container->text.size / CONTAINER_INSTRUCTION_SIZE);
    (void)meet(&flow, 0, &start);
    while (pass(&flow)) {
    }
    for (uint32_t i = 0; i < flow.count; i++) {
        struct container_instruction in = container_instruction(container, i);

        int r = 0;

        if (is_reached(&flow, i) && container_class_of(in.opcode, neg_is_8f) == CLASS_CALL)
            r = check_call(&in, &flow.before[i]);
        if (r != 0) {
            *out_at = i;
            return r;
        }
    }
    return 0;
}
