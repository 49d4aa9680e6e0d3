/* container_prove.c - the abstract interpretation.
 * States are kept apart by how many branches were taken on the way. A taken branch leads into the next layer, every
 * other step to a higher instruction within the same one: so all that can happen is walked once, in order, without a
 * fixed point and without widening, and a loop counter stays exact for as long as its turns take equally many branches.
 * The branch budget, which devices enforce, bounds the number of layers. Where more than CONTAINER_PROOF_WAYS states
 * meet, a new one is joined to the one that is most like it. */
#include "device_proto/container_prove.h"
#include "device_proto/container_isa.h"
#include "device_proto/container_pointers.h"

#define NOTHING       ((uint16_t)CONTAINER_PROOF_STATES)
#define WAYS_FEW      4u
#define READING_SIZE  8u
#define DEADLINE_SIZE 4u
#define NUMBER_SIZE   4u

struct prover {
    const struct container *container;
    const struct container_limits *limits;
    struct container_regions regions;
    struct container_scratch *scratch;
    uint32_t count; /* instructions */
    uint32_t branches;
    uint32_t steps;
    bool ends; /* some way reaches an exit */
};

/* ---- ways that meet ---- */

static uint16_t take_free(struct container_scratch *scratch)
{
    uint16_t taken = scratch->free;

    if (taken != NOTHING)
        scratch->free = scratch->next[taken];
    return taken;
}

static void give_back(struct container_scratch *scratch, uint16_t i)
{
    scratch->next[i] = scratch->free;
    scratch->free = i;
}

/* The one of a list that is most like a state. */
static uint16_t most_alike(const struct container_scratch *scratch, const struct container_ways *ways,
                           const struct container_state *state, unsigned *out_likeness)
{
    uint16_t best = ways->first;

    *out_likeness = 0;
    for (uint16_t i = ways->first; i != NOTHING; i = scratch->next[i]) {
        unsigned likeness = container_state_likeness(&scratch->states[i], state);

        if (likeness > *out_likeness) {
            best = i;
            *out_likeness = likeness;
        }
    }
    return best;
}

static bool is_covered(const struct container_scratch *scratch, const struct container_ways *ways,
                       const struct container_state *state)
{
    for (uint16_t i = ways->first; i != NOTHING; i = scratch->next[i])
        if (container_state_covers(&scratch->states[i], state))
            return true;
    return false;
}

/* Adds state number i of the pool, or joins it and gives it back. From a few on, states that differ on the stack only
 * are joined: what steers a program lies in registers. */
static void ways_add(struct container_scratch *scratch, struct container_ways *ways, uint16_t i)
{
    const struct container_state *state = &scratch->states[i];
    unsigned likeness = 0;
    uint16_t alike = NOTHING;

    if (is_covered(scratch, ways, state)) {
        give_back(scratch, i);
        return;
    }
    if (ways->count >= WAYS_FEW)
        alike = most_alike(scratch, ways, state, &likeness);
    if (likeness == STATE_REGISTERS || ways->count == CONTAINER_PROOF_WAYS) {
        container_state_join(&scratch->states[alike], state);
        give_back(scratch, i);
        return;
    }
    scratch->next[i] = ways->first;
    ways->first = i;
    ways->count++;
}

/* All states free, no ways anywhere, jump targets known. */
static void begin(struct prover *prover)
{
    struct container_scratch *scratch = prover->scratch;

    for (uint16_t i = 0; i < CONTAINER_PROOF_STATES; i++)
        scratch->next[i] = (uint16_t)(i + 1);
    scratch->free = 0;
    memset(scratch->is_target, 0, sizeof(scratch->is_target));
    for (uint32_t i = 0; i < prover->count; i++) {
        struct container_instruction in = container_instruction(prover->container, i);
        enum container_class class = container_class_of(in.opcode, prover->limits->neg_is_8f);

        scratch->layers[0][i] = scratch->layers[1][i] = (struct container_ways){ NOTHING, 0 };
        if (class == CLASS_JUMP || class == CLASS_CONDITION)
            scratch->is_target[(int64_t)i + 1 + in.offset] = 1;
        if (class == CLASS_WIDE)
            i++;
    }
}

/* ---- one instruction on one state ---- */

static struct container_value operand_of(const struct container_state *state, const struct container_instruction *in,
                                         enum container_class class)
{
    return container_operand_is_source(in->opcode, class) ? state->registers[in->source] : value_of(in->immediate);
}

static int step_alu(struct container_state *state, const struct container_instruction *in)
{
    enum container_operation operation = (enum container_operation)(in->opcode & OPERATION_MASK);
    struct container_value *to = &state->registers[in->destination];
    struct container_value operand = operation == OPERATION_NEG ? value_of(0) : operand_of(state, in, CLASS_ALU);

    if (operand.kind == VALUE_UNSET || (operation != OPERATION_MOV && to->kind == VALUE_UNSET))
        return CONTAINER_UNPROVEN_REGISTER;
    if ((operation == OPERATION_DIV || operation == OPERATION_MOD) && !value_not_zero(&operand))
        return CONTAINER_UNPROVEN_DIVISOR;
    *to = value_alu(operation, to, &operand);
    return 0;
}

static void step_wide(const struct prover *prover, uint32_t at, struct container_state *state,
                      const struct container_instruction *in)
{
    struct container_instruction second = container_instruction(prover->container, at + 1);
    uint64_t number = (uint32_t)in->immediate | ((uint64_t)(uint32_t)second.immediate << 32);
    struct container_value value = value_of((int64_t)number);

    if (in->opcode == OPCODE_WIDE_DATA)
        value.kind = VALUE_DATA;
    else if (in->opcode == OPCODE_WIDE_RODATA)
        value.kind = VALUE_RODATA;
    state->registers[in->destination] = value;
}

/* Room that a helper writes to or reads from. */
static int check_room(const struct prover *prover, struct container_state *state, const struct container_value *address,
                      unsigned size)
{
    struct container_value any = value_any();

    if (address->kind != VALUE_STACK && address->kind != VALUE_DATA)
        return CONTAINER_UNPROVEN_HELPER;
    return container_state_store(state, &prover->regions, address, 0, size, &any);
}

static int check_deadline(const struct prover *prover, const struct container_state *state)
{
    struct container_value ignored;

    if (state->registers[0].kind != VALUE_STACK || state->registers[1].kind == VALUE_UNSET)
        return CONTAINER_UNPROVEN_HELPER;
    return container_state_load(state, &prover->regions, &state->registers[0], 0, DEADLINE_SIZE, &ignored);
}

static int step_call(const struct prover *prover, struct container_state *state, const struct container_instruction *in)
{
    const struct container_value *registers = state->registers;
    struct container_value result = value_between(0, UINT32_MAX);
    int r = 0;

    switch (in->immediate) {
    case CONTAINER_SAUL_FIND_NTH:
        r = registers[0].kind == VALUE_UNSET ? CONTAINER_UNPROVEN_REGISTER : 0;
        result = (struct container_value){ .kind = VALUE_SENSOR };
        break;
    case CONTAINER_SAUL_FIND_TYPE:
        r = registers[1].kind == VALUE_UNSET ? CONTAINER_UNPROVEN_REGISTER : 0;
        result = (struct container_value){ .kind = VALUE_SENSOR };
        break;
    case CONTAINER_SAUL_READ:
        if (registers[1].kind != VALUE_SENSOR &&
            !(registers[1].kind == VALUE_NUMBER && registers[1].least == 0 && registers[1].most == 0))
            return CONTAINER_UNPROVEN_HELPER;
        r = check_room(prover, state, &registers[2], READING_SIZE);
        break;
    case CONTAINER_ZTIMER_NOW:
        break;
    case CONTAINER_STORE_LOCAL:
        if (registers[1].kind == VALUE_UNSET || registers[2].kind == VALUE_UNSET)
            return CONTAINER_UNPROVEN_REGISTER;
        break;
    case CONTAINER_FETCH_LOCAL:
        if (registers[1].kind == VALUE_UNSET)
            return CONTAINER_UNPROVEN_REGISTER;
        r = check_room(prover, state, &registers[2], NUMBER_SIZE);
        break;
    case CONTAINER_ZTIMER_PERIODIC_WAKEUP:
        r = check_deadline(prover, state);
        if (r == 0)
            r = check_room(prover, state, &registers[0], DEADLINE_SIZE);
        break;
    default:
        return CONTAINER_UNPROVEN_HELPER;
    }
    for (unsigned i = 1; i <= 5; i++) /* may be overwritten (RFC 9669 section 2) */
        state->registers[i] = (struct container_value){ .kind = VALUE_UNSET };
    state->registers[0] = result;
    return r;
}

/* A taken branch: into the next layer, unless none is left. */
static int take_branch(struct prover *prover, uint32_t target, const struct container_state *state)
{
    struct container_scratch *scratch = prover->scratch;
    uint16_t copy;

    if (prover->branches == prover->limits->branches_max || prover->branches == CONTAINER_PROOF_BRANCHES)
        return CONTAINER_UNPROVEN_BRANCHES;
    copy = take_free(scratch);
    if (copy == NOTHING)
        return CONTAINER_UNPROVEN_EFFORT;
    scratch->states[copy] = *state;
    ways_add(scratch, &scratch->layers[(prover->branches + 1) % 2][target], copy);
    return 0;
}

/* Follows both outcomes. *out_falls: whether the state goes on to the next instruction. */
static int step_condition(struct prover *prover, uint32_t at, struct container_state *state,
                          const struct container_instruction *in, bool *out_falls)
{
    enum container_operation condition = (enum container_operation)(in->opcode & OPERATION_MASK);
    bool by_source = container_operand_is_source(in->opcode, CLASS_CONDITION);
    struct container_value b = operand_of(state, in, CLASS_CONDITION);
    struct container_value a = state->registers[in->destination];
    bool itself = by_source && in->source == in->destination;

    if (a.kind == VALUE_UNSET || b.kind == VALUE_UNSET)
        return CONTAINER_UNPROVEN_REGISTER;
    for (unsigned holds = 2; holds-- > 0;) {
        struct container_value left = a, right = b;
        bool possible = itself || value_refine(condition, holds == 1, &left, &right);

        *out_falls = possible; /* decided by the last, which is the branch not taken */
        if (!possible)
            continue;
        if (!itself)
            state->registers[in->destination] = left;
        if (!itself && by_source)
            state->registers[in->source] = right;
        if (holds == 1) {
            int r = take_branch(prover, (uint32_t)((int64_t)at + 1 + in->offset), state);
            if (r != 0)
                return r;
        }
    }
    return 0;
}

static int step(struct prover *prover, uint32_t at, struct container_state *state,
                const struct container_instruction *in, bool *out_falls)
{
    unsigned size = container_access_size(in->opcode);
    struct container_value operand;

    *out_falls = true;
    switch (container_class_of(in->opcode, prover->limits->neg_is_8f)) {
    case CLASS_ALU:
        return step_alu(state, in);
    case CLASS_LOAD:
        return container_state_load(state, &prover->regions, &state->registers[in->source], in->offset, size,
                                    &state->registers[in->destination]);
    case CLASS_STORE:
        operand = operand_of(state, in, CLASS_STORE);
        return container_state_store(state, &prover->regions, &state->registers[in->destination], in->offset, size,
                                     &operand);
    case CLASS_WIDE:
        step_wide(prover, at, state, in);
        return 0;
    case CLASS_CALL:
        return step_call(prover, state, in);
    case CLASS_CONDITION:
        return step_condition(prover, at, state, in, out_falls);
    case CLASS_JUMP:
        *out_falls = false;
        return take_branch(prover, (uint32_t)((int64_t)at + 1 + in->offset), state);
    case CLASS_EXIT:
        *out_falls = false;
        prover->ends = true;
        return state->registers[0].kind == VALUE_UNSET ? CONTAINER_UNPROVEN_REGISTER : 0;
    case CLASS_UNKNOWN:
        break;
    }
    return CONTAINER_UNKNOWN_OPCODE;
}

/* ---- one layer ---- */

/* Takes the states that branch to an instruction to those that fall into it. */
static void gather(struct prover *prover, uint32_t at, struct container_ways *now)
{
    struct container_scratch *scratch = prover->scratch;
    struct container_ways *ways = &scratch->layers[prover->branches % 2][at];

    while (ways->first != NOTHING) {
        uint16_t i = ways->first;

        ways->first = scratch->next[i];
        ways_add(scratch, now, i);
    }
    ways->count = 0;
}

/* One instruction on all states that came to it; *now becomes those that fall to the next one. */
static int step_all(struct prover *prover, uint32_t at, const struct container_instruction *in,
                    struct container_ways *now)
{
    struct container_scratch *scratch = prover->scratch;
    struct container_ways after = { NOTHING, 0 };

    while (now->first != NOTHING) {
        uint16_t i = now->first;
        bool falls;

        if (prover->steps++ == CONTAINER_PROOF_STEPS)
            return CONTAINER_UNPROVEN_EFFORT;
        int r = step(prover, at, &scratch->states[i], in, &falls);
        if (r != 0)
            return r;
        now->first = scratch->next[i];
        if (!falls) {
            give_back(scratch, i);
            continue;
        }
        scratch->next[i] = after.first;
        after.first = i;
        after.count++;
    }
    *now = after;
    return 0;
}

static int walk_layer(struct prover *prover, struct container_ways *now, uint32_t *out_at)
{
    for (uint32_t at = 0; at < prover->count; at++) {
        struct container_instruction in = container_instruction(prover->container, at);

        gather(prover, at, now);
        *out_at = at;
        int r = step_all(prover, at, &in, now);
        if (r != 0)
            return r;
        at += container_class_of(in.opcode, prover->limits->neg_is_8f) == CLASS_WIDE;
    }
    return 0;
}

static bool is_empty(const struct prover *prover, uint32_t layer)
{
    for (uint32_t i = 0; i < prover->count; i++)
        if (prover->scratch->is_target[i] != 0 && prover->scratch->layers[layer][i].count > 0)
            return false;
    return true;
}

static int prove(struct prover *prover, size_t context_size, uint32_t *out_at)
{
    struct container_scratch *scratch = prover->scratch;
    struct container_ways now = { NOTHING, 0 };

    begin(prover);
    now.first = take_free(scratch);
    now.count = 1;
    scratch->next[now.first] = NOTHING;
    container_state_begin(&scratch->states[now.first], context_size);
    for (prover->branches = 0;; prover->branches++) {
        int r = walk_layer(prover, &now, out_at);
        if (r != 0)
            return r;
        if (is_empty(prover, (prover->branches + 1) % 2))
            break;
    }
    return prover->ends ? 0 : CONTAINER_UNPROVEN_BRANCHES;
}

enum container_verdict container_judge(struct bytes file, const struct container_limits *limits, size_t context_size,
                                       struct container_scratch *scratch, struct container_problem *out,
                                       struct container_facts *out_facts)
{
    struct container_facts facts;
    struct container container;
    struct prover prover = { .container = &container, .limits = limits, .scratch = scratch };
    uint32_t pointer = 0;
    int r = 0;

    if (container_check(file, limits, out, &facts) != 0 || container_parse(file, &container) != 0)
        return CONTAINER_REFUSED;
    prover.count = (uint32_t)(container.text.size / CONTAINER_INSTRUCTION_SIZE);
    prover.regions = (struct container_regions){ context_size, container.data.size, container.rodata.size };
    struct container_problem problem = { .at_instruction = true };

    problem.reason = (enum container_reason)prove(&prover, context_size, &problem.instruction);
    facts.branches_proven = problem.reason == 0 ? prover.branches : 0;
    if (out_facts != NULL)
        *out_facts = facts;
    if (problem.reason == 0)
        return CONTAINER_PROVEN;
    /* Without a proof of everything, what helpers get must still be right. */
    if (problem.reason == CONTAINER_UNPROVEN_HELPER)
        problem.reason = CONTAINER_HELPER_POINTER;
    else
        r = container_check_pointers(&container, limits->neg_is_8f, &pointer);
    if (r != 0)
        problem = (struct container_problem){ (enum container_reason)r, true, pointer };
    *out = problem;
    return r != 0 || problem.reason == CONTAINER_HELPER_POINTER ? CONTAINER_REFUSED : CONTAINER_UNPROVEN;
}
