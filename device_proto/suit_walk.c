/* suit_walk.c - walking the command sequences of a manifest.
 * One walker serves four purposes. Checking visits every branch and asks only whether all of it is implemented here.
 * Describing assumes that every condition holds, and keeps what was set. Rehearsing compares with a device and takes
 * for granted what actions would bring; running acts. So nothing is done for a manifest that is refused later. What a
 * command does stands in one table (suit_commands.c); the dialects differ in the numbers they know. */
#include "device_proto/suit_walk.h"

#define INDEXINGS_ANY UINT_MAX

int suit_refuse(struct suit_walk *walk, int refusal, const char *what)
{
    walk->where.what = what;
    return refusal;
}

int suit_refuse_hard(struct suit_walk *walk, int refusal, const char *what)
{
    walk->hard = true;
    return suit_refuse(walk, refusal, what);
}

bool suit_is_dependency(const struct suit_manifest *manifest, size_t index)
{
    for (size_t i = 0; i < manifest->dependency_count; i++) {
        if (manifest->dependencies[i].index == index)
            return true;
    }
    return false;
}

/* ---- rows ---- */

/* How a component index of a manifest is called. */
static const struct suit_component *component_at(const struct suit_manifest *manifest, size_t index)
{
    if (index < manifest->component_count)
        return &manifest->components[index];
    for (size_t i = 0; i < manifest->dependency_count; i++) {
        if (manifest->dependencies[i].index == index)
            return &manifest->dependencies[i].prefix;
    }
    return NULL; /* never: what leaves gaps does not run */
}

static size_t index_count(const struct suit_manifest *manifest)
{
    size_t count = manifest->component_count;

    for (size_t i = 0; i < manifest->dependency_count; i++)
        count += manifest->dependencies[i].index >= manifest->component_count ? 1 : 0;
    return count < SUIT_COMPONENTS_MAX ? count : SUIT_COMPONENTS_MAX;
}

static size_t find_place(const struct suit_device *device, const struct suit_component *component)
{
    for (size_t i = 0; i < device->place_count; i++) {
        if (suit_component_equal(&device->places[i].component, component))
            return i;
    }
    return SUIT_NO_PLACE;
}

/* The row of a component, new where the tree has not named it yet. */
static int find_row(struct suit_walk *walk, size_t index, uint8_t *out)
{
    const struct suit_component *component = component_at(walk->frame->manifest, index);
    struct suit_row *row = NULL;
    size_t i = 0;

    while (i < walk->row_count && !suit_component_equal(&walk->rows[i].component, component))
        i++;
    if (i == SUIT_TARGETS_MAX)
        return suit_refuse_hard(walk, SUIT_REFUSED_ROOM, "components: too many in all dependencies");
    row = &walk->rows[i];
    if (i == walk->row_count) {
        memset(row, 0, sizeof *row);
        row->component = *component;
        row->place = find_place(walk->device, component);
        walk->row_count++;
    }
    if (row->place == SUIT_NO_PLACE && !suit_is_dependency(walk->frame->manifest, index))
        return suit_refuse_hard(walk, SUIT_REFUSED_COMPONENT, "no such component");
    *out = (uint8_t)i;
    return 0;
}

int suit_enter(struct suit_walk *walk)
{
    struct suit_frame *frame = walk->frame;
    const struct suit_device *device = walk->device;
    int r = 0;

    frame->count = index_count(frame->manifest);
    for (size_t i = 0; r == 0 && i < frame->count; i++) {
        walk->where.component = i;
        if (device == NULL) { /* checking needs no rows of its own, describing only the first component's */
            frame->rows[i] = i == 0 || walk->purpose == SUIT_CHECKING ? 0 : 1;
            continue;
        }
        r = find_row(walk, i, &frame->rows[i]);
        if (r != 0 || device->authorises == NULL) /* also when running: what came late, no rehearsal knew */
            continue;
        r = device->authorises(device->context, frame->manifest, &walk->where, component_at(frame->manifest, i));
        if (r > 0)
            r = suit_refuse_hard(walk, r, "its signer may not touch this component");
    }
    return r;
}

/* ---- sequences ---- */

/* SUIT_Rep_Policy. */
static int read_policy(struct suit_walk *walk, struct cbor_reader *reader, unsigned *out)
{
    *out = (unsigned)cbor_read_uint_max(reader, suit_is_riot(walk) ? UINT32_MAX : 15);
    return reader->refusal != 0 ? suit_refuse(walk, SUIT_REFUSED_STRUCTURE, "reporting policy") : 0;
}

static void record(const struct suit_walk *walk, unsigned policy, int result)
{
    struct suit_event event = { .where = walk->where, .result = result };
    unsigned shift = result == 0 ? 0 : 1;

    if (!suit_acts(walk) || walk->actions->record == NULL || result < 0 || suit_is_riot(walk))
        return;
    event.sysinfo = (policy >> (2 + shift) & 1) != 0;
    if (event.sysinfo || (policy >> shift & 1) != 0)
        walk->actions->record(walk->actions->context, &event);
}

static int run_once(struct suit_walk *walk, const struct suit_executor *executor, struct cbor_reader *reader,
                    unsigned policy)
{
    int r;

    if (walk->steps++ == SUIT_STEPS_MAX)
        return suit_refuse_hard(walk, SUIT_REFUSED_ROOM, "more commands than the bound on steps");
    walk->where.component = walk->frame->current;
    walk->where.what = NULL;
    r = executor->run(walk, reader);
    if (r > 0 && walk->where.what == NULL)
        walk->where.what = executor->name;
    if (executor->effect == SUIT_EACH)
        record(walk, policy, r);
    return r;
}

/* Once for each chosen component. What a sequence in the argument chooses holds afterwards only if one was chosen. */
static int run_each(struct suit_walk *walk, const struct suit_executor *executor, struct cbor_reader *reader)
{
    struct suit_frame *frame = walk->frame;
    struct suit_selection chosen = frame->selection;
    struct cbor_reader argument;
    unsigned policy = 0;
    int r = 0;

    if (executor->effect == SUIT_EACH)
        r = read_policy(walk, reader, &policy);
    if (r == 0 && chosen.count == 0)
        return suit_refuse_hard(walk, SUIT_REFUSED_STRUCTURE, "component index was never set");
    argument = *reader;
    for (size_t i = 0; r == 0 && i < chosen.count; i++) {
        *reader = argument;
        frame->current = chosen.indices[i];
        if (chosen.count > 1)
            frame->selection = (struct suit_selection){ 1, { chosen.indices[i] } };
        r = run_once(walk, executor, reader, policy);
        if (chosen.count > 1)
            frame->selection = chosen;
        if (walk->purpose == SUIT_CHECKING)
            break;
    }
    return r;
}

static int run_command(struct suit_walk *walk, struct cbor_reader *reader, int64_t number)
{
    const struct suit_executor *executor = suit_executor_find(walk->frame->manifest->dialect, number);

    if (executor == NULL)
        return suit_refuse_hard(walk, SUIT_REFUSED_UNSUPPORTED,
                                number < 0 ? "custom command" : "command of unknown number");
    return executor->effect == SUIT_ONCE ? run_once(walk, executor, reader, 0) : run_each(walk, executor, reader);
}

/* A sequence that was issued under loose order begins by choosing its component, and never chooses again. */
static bool keeps_to_itself(struct suit_walk *walk, int64_t number, bool first)
{
    struct suit_frame *frame = walk->frame;

    if (frame->indexings == INDEXINGS_ANY)
        return true;
    if (number != SUIT_DIRECTIVE_SET_INDEX)
        return !first || frame->indexings == 0;
    if (frame->indexings == 0)
        return false;
    frame->indexings--;
    return true;
}

int suit_run_sequence(struct suit_walk *walk, struct bytes sequence)
{
    struct cbor_reader reader = cbor_reader_on(sequence, SUIT_RULES);
    struct cbor_list items = cbor_read_array(&reader);
    bool first = true;
    int r = 0;

    if (walk->frame->nesting >= SUIT_NESTING_MAX)
        return suit_refuse_hard(walk, SUIT_REFUSED_UNSUPPORTED, "sequences nested too deeply");
    walk->frame->nesting++;
    while (r == 0 && cbor_more(&reader, &items)) {
        size_t offset = (size_t)(reader.at - walk->frame->section_start);
        int64_t number = cbor_read_int(&reader);

        if (!cbor_more(&reader, &items)) /* a command without its argument */
            cbor_refuse(&reader, CBOR_MALFORMED);
        walk->where.command = number;
        walk->where.offset = offset;
        walk->where.component = walk->frame->current;
        walk->where.what = NULL;
        if (reader.refusal == 0 && !keeps_to_itself(walk, number, first))
            r = suit_refuse_hard(walk, SUIT_REFUSED_STRUCTURE, "component index under loose order");
        else if (reader.refusal == 0)
            r = run_command(walk, &reader, number);
        first = false;
    }
    walk->frame->nesting--;
    if (r == 0 && cbor_reader_finish(&reader) != 0)
        r = suit_refuse_hard(walk, SUIT_REFUSED_STRUCTURE, "command sequence");
    return r;
}

/* Is that end one that soft-failure forgives? */
static bool forgivable(const struct suit_walk *walk, int r)
{
    return !walk->hard && (r == SUIT_REFUSED_CONDITION || (r == SUIT_REFUSED_DIGEST && !suit_is_riot(walk)));
}

/* The argument of try-each or run-sequence; *out_soft is soft-failure at its end. */
static int run_inner(struct suit_walk *walk, struct bytes sequence, bool soft, bool *out_soft)
{
    struct suit_frame *frame = walk->frame;
    bool soft_before = frame->soft, may_before = frame->may_soften;
    int r;

    frame->soft = soft;
    frame->may_soften = true;
    r = suit_run_sequence(walk, sequence);
    *out_soft = frame->soft;
    frame->soft = soft_before;
    frame->may_soften = may_before;
    return r;
}

int suit_run_argument(struct suit_walk *walk, struct cbor_reader *reader)
{
    struct bytes sequence = cbor_read_bytes(reader);
    struct suit_frame *frame = walk->frame;
    unsigned indexings_before = frame->indexings;
    bool loose_before = frame->loose, soft;
    int r;

    if (reader->refusal != 0)
        return suit_refuse_hard(walk, SUIT_REFUSED_STRUCTURE, "argument of run-sequence");
    if (loose_before) {
        frame->loose = false;
        frame->indexings = frame->selection.count > 1 ? 0 : 1;
    }
    r = run_inner(walk, sequence, false, &soft);
    frame->loose = loose_before;
    frame->indexings = indexings_before;
    return soft && forgivable(walk, r) ? 0 : r;
}

/* One branch; a failure that the author made hard ends everything. */
static int try_branch(struct suit_walk *walk, struct bytes branch)
{
    struct suit_selection chosen = walk->frame->selection;
    size_t current = walk->frame->current;
    bool soft;
    int r;

    r = run_inner(walk, branch, true, &soft);
    if (r > 0 && !suit_is_riot(walk)) { /* the next branch begins where this one did */
        walk->frame->selection = chosen;
        walk->frame->current = current;
    }
    if (forgivable(walk, r) && !soft)
        walk->hard = true;
    return r;
}

int suit_try_each(struct suit_walk *walk, struct cbor_reader *reader)
{
    struct cbor_list branches = cbor_read_array(reader);
    bool checking = walk->purpose == SUIT_CHECKING;
    unsigned count = 0;
    int r = SUIT_REFUSED_CONDITION;

    for (; cbor_more(reader, &branches); count++) {
        struct bytes branch;

        if (!suit_is_riot(walk) && branches.left == 0 && cbor_peek_is(reader, CBOR_NULL)) {
            cbor_read_null(reader);
            r = forgivable(walk, r) ? 0 : r;
            continue;
        }
        branch = cbor_read_bytes(reader);
        if (reader->refusal != 0)
            break;
        if (forgivable(walk, r) || (checking && r == 0))
            r = try_branch(walk, branch);
    }
    if (reader->refusal != 0 || (!suit_is_riot(walk) && r >= 0 && count < 2))
        return suit_refuse_hard(walk, SUIT_REFUSED_STRUCTURE, "branch of try-each");
    return r;
}

int suit_set_index(struct suit_walk *walk, struct cbor_reader *reader)
{
    struct suit_selection chosen = { 0 };
    struct suit_frame *frame = walk->frame;
    bool listed = !suit_is_riot(walk) && cbor_peek_is(reader, CBOR_ARRAY);

    if (!suit_is_riot(walk) && cbor_peek_is(reader, CBOR_TRUE)) {
        cbor_read_bool(reader);
        while (chosen.count < frame->count) {
            chosen.indices[chosen.count] = chosen.count;
            chosen.count++;
        }
    } else {
        struct cbor_list list = { 1, false };

        if (listed)
            list = cbor_read_array(reader);
        while (listed ? cbor_more(reader, &list) : chosen.count == 0) {
            uint64_t index = cbor_read_uint_max(reader, frame->count == 0 ? 0 : frame->count - 1);

            if (chosen.count == SUIT_COMPONENTS_MAX)
                cbor_refuse(reader, CBOR_RANGE);
            if (reader->refusal != 0)
                break;
            chosen.indices[chosen.count++] = (uint8_t)index;
        }
    }
    if (reader->refusal != 0 || chosen.count == 0)
        return suit_refuse_hard(walk, SUIT_REFUSED_STRUCTURE, "component index");
    frame->selection = chosen;
    frame->current = chosen.indices[0];
    walk->where.component = frame->current;
    return 0;
}

/* ---- sections ---- */

struct bytes suit_section_of(const struct suit_manifest *manifest, enum suit_section section)
{
    switch (section) {
    case SUIT_SECTION_COMMON:
        return manifest->shared;
    case SUIT_SECTION_VALIDATE:
        return manifest->validate;
    case SUIT_SECTION_LOAD:
        return manifest->load;
    case SUIT_SECTION_INVOKE:
        return manifest->invoke;
    case SUIT_SECTION_DEPENDENCY_RESOLUTION:
        return manifest->dependency_resolution;
    case SUIT_SECTION_PAYLOAD_FETCH:
        return manifest->payload_fetch;
    case SUIT_SECTION_CANDIDATE_VERIFICATION:
        return manifest->candidate_verification;
    case SUIT_SECTION_INSTALL:
        return manifest->install;
    case SUIT_SECTION_UNINSTALL:
        return manifest->uninstall;
    case SUIT_SECTION_ENVELOPE:
    case SUIT_SECTION_COSWID:
    case SUIT_SECTION_TEXT:
        break;
    }
    return bytes_view(NULL, 0);
}

/* Every section begins anew: one component is chosen by itself, of several none is. */
static int run_bare(struct suit_walk *walk, enum suit_section section)
{
    struct suit_frame *frame = walk->frame;
    struct bytes sequence = suit_section_of(frame->manifest, section);

    if (sequence.data == NULL)
        return 0;
    if (!suit_is_riot(walk)) {
        frame->selection = (struct suit_selection){ frame->count == 1 ? 1 : 0, { 0 } };
        frame->current = 0;
    }
    frame->soft = frame->may_soften = frame->loose = false;
    frame->indexings = INDEXINGS_ANY;
    frame->sources = frame->targets = 0;
    walk->where.section = section;
    frame->section_start = sequence.data;
    return suit_run_sequence(walk, sequence);
}

/* SUIT_37 runs the shared sequence before each section, SUIT_RIOT once. */
int suit_run_section(struct suit_walk *walk, enum suit_section section)
{
    int r = 0;

    if (suit_section_of(walk->frame->manifest, section).data == NULL)
        return 0;
    if (!suit_is_riot(walk) && section != SUIT_SECTION_COMMON)
        r = run_bare(walk, SUIT_SECTION_COMMON);
    return r != 0 ? r : run_bare(walk, section);
}
