/* suit_process.c - whole manifests: checked, described, rehearsed, run.
 * A procedure is a list of sections. Parameters begin empty with each procedure, and again with validate: what boots
 * from a manifest runs that without what the update had set. */
#include "device_proto/suit_walk.h"

static const enum suit_section update_sections[] = {
    SUIT_SECTION_DEPENDENCY_RESOLUTION,
    SUIT_SECTION_PAYLOAD_FETCH,
    SUIT_SECTION_CANDIDATE_VERIFICATION,
    SUIT_SECTION_INSTALL,
};
#define UPDATE_COUNT (sizeof update_sections / sizeof update_sections[0])

static const enum suit_section all_sections[] = {
    SUIT_SECTION_COMMON,
    SUIT_SECTION_DEPENDENCY_RESOLUTION,
    SUIT_SECTION_PAYLOAD_FETCH,
    SUIT_SECTION_INSTALL,
    SUIT_SECTION_CANDIDATE_VERIFICATION,
    SUIT_SECTION_VALIDATE,
    SUIT_SECTION_LOAD,
    SUIT_SECTION_INVOKE,
    SUIT_SECTION_UNINSTALL,
};

static void begin(struct suit_frame *frame, const struct suit_manifest *manifest)
{
    memset(frame, 0, sizeof *frame);
    frame->manifest = manifest;
    frame->selection.count = 1; /* SUIT_RIOT goes on from section to section */
}

static void forget_parameters(struct suit_walk *walk)
{
    for (size_t i = 0; i < walk->row_count && !suit_is_riot(walk); i++)
        walk->rows[i].set = 0;
}

int suit_walk_check(const struct suit_manifest *manifest, struct suit_where *where)
{
    struct suit_row row = { .set = 0 };
    struct suit_frame frame;
    struct suit_walk walk = { .purpose = SUIT_CHECKING, .frame = &frame, .rows = &row };
    int r;

    begin(&frame, manifest);
    r = suit_enter(&walk);
    for (size_t i = 0; r == 0 && i < sizeof all_sections / sizeof all_sections[0]; i++) {
        walk.steps = 0; /* the bound is on what a pass executes */
        r = suit_run_section(&walk, all_sections[i]);
    }
    if (r != 0)
        *where = walk.where;
    return r;
}

static const uint8_t *described(const struct suit_row *row, enum suit_value_index index, size_t size)
{
    return suit_has(row, index) && row->values[index].bytes.size == size ? row->values[index].bytes.data : NULL;
}

static bool take(uint8_t *out, const uint8_t *value, size_t size)
{
    if (value != NULL)
        memcpy(out, value, size);
    return value != NULL;
}

void suit_walk_describe(struct suit_manifest *manifest)
{
    struct suit_row rows[2] = { { .set = 0 }, { .set = 0 } }; /* the first component's, and all others' */
    const struct suit_row *first = &rows[0];
    struct suit_frame frame;
    struct suit_walk walk = { .purpose = SUIT_DESCRIBING, .frame = &frame, .rows = rows };

    begin(&frame, manifest);
    /* As far as it gets: what cannot be run may still be told. */
    if (suit_enter(&walk) == 0 && suit_run_section(&walk, SUIT_SECTION_COMMON) == 0)
        suit_run_section(&walk, SUIT_SECTION_INSTALL);
    manifest->has_vendor_id = take(manifest->vendor_id, described(first, VALUE_VENDOR, SUIT_ID_SIZE), SUIT_ID_SIZE);
    manifest->has_class_id = take(manifest->class_id, described(first, VALUE_CLASS, SUIT_ID_SIZE), SUIT_ID_SIZE);
    manifest->has_digest = take(manifest->digest, described(first, VALUE_DIGEST, DIGEST_SIZE), DIGEST_SIZE);
    manifest->has_size = suit_has(first, VALUE_SIZE);
    manifest->size = manifest->has_size ? first->values[VALUE_SIZE].number : 0;
    manifest->uri = suit_has(first, VALUE_URI) ? first->values[VALUE_URI].bytes : bytes_view(NULL, 0);
}

/* ---- passes ---- */

/* Which part of an update a pass does for real; everything else in it is rehearsed. */
enum part { PART_NONE, PART_RESOLUTION, PART_REST, PART_ALL };

static int check_matched(struct suit_walk *walk)
{
    for (size_t i = 0; i < walk->row_count; i++) {
        if (!walk->rows[i].written || walk->rows[i].matched || (walk->device->waives & SUIT_WAIVE_MATCH) != 0)
            continue;
        walk->where.component = i < walk->frame->count ? i : 0;
        return suit_refuse_hard(walk, SUIT_REFUSED_POLICY, "fetched, and never matched with its digest");
    }
    return 0;
}

static int run_update(struct suit_walk *walk, enum part part)
{
    int r;

    if (part != PART_ALL)
        walk->purpose = part == PART_RESOLUTION ? SUIT_RUNNING : SUIT_REHEARSING;
    r = suit_run_section(walk, SUIT_SECTION_COMMON);
    for (size_t i = 0; r == 0 && i < UPDATE_COUNT; i++) {
        r = suit_run_section(walk, update_sections[i]);
        if (update_sections[i] != SUIT_SECTION_DEPENDENCY_RESOLUTION)
            continue;
        if (part == PART_RESOLUTION)
            return r;
        if (part == PART_REST)
            walk->purpose = SUIT_RUNNING;
    }
    forget_parameters(walk);
    return r;
}

static int run_invocation(struct suit_walk *walk)
{
    bool invoking = walk->actions != NULL && walk->actions->invoke != NULL;
    int r;

    r = suit_run_section(walk, SUIT_SECTION_VALIDATE);
    r = r != 0 ? r : check_matched(walk);
    if (r != 0 || !invoking)
        return r;
    r = suit_run_section(walk, SUIT_SECTION_LOAD);
    r = r != 0 ? r : check_matched(walk);
    return r != 0 ? r : suit_run_section(walk, SUIT_SECTION_INVOKE);
}

struct order {
    const struct suit_manifest *manifest;
    enum suit_procedure procedure;
    const struct suit_device *device;
    const struct suit_actions *actions;
    struct suit_where *where; /* or NULL */
};

static int run_procedure(struct suit_walk *walk, enum suit_procedure procedure, enum part part)
{
    int r = 0;

    switch (procedure) {
    case SUIT_UPDATE:
        r = run_update(walk, part);
        return r != 0 || part == PART_RESOLUTION ? r : run_invocation(walk);
    case SUIT_INVOKE:
        r = suit_run_section(walk, SUIT_SECTION_COMMON);
        return r != 0 ? r : run_invocation(walk);
    case SUIT_UNINSTALL:
        r = suit_run_section(walk, SUIT_SECTION_COMMON);
        return r != 0 ? r : suit_run_section(walk, SUIT_SECTION_UNINSTALL);
    }
    return SUIT_REFUSED_UNSUPPORTED;
}

static int pass(struct suit_walk *walk, const struct order *order, enum part part)
{
    struct suit_row *rows = walk->rows;
    struct suit_frame frame;
    int r;

    memset(walk, 0, sizeof *walk);
    walk->purpose = part == PART_ALL ? SUIT_RUNNING : SUIT_REHEARSING;
    walk->device = order->device;
    walk->actions = order->actions;
    walk->rows = rows;
    walk->frame = &frame;
    begin(&frame, order->manifest);
    r = suit_enter(walk);
    r = r != 0 ? r : run_procedure(walk, order->procedure, part);
    walk->frame = NULL;
    if (r > 0 && order->where != NULL)
        *order->where = walk->where;
    return r;
}

static int process(const struct order *order, bool for_real)
{
    const struct suit_manifest *manifest = order->manifest;
    struct suit_row rows[SUIT_TARGETS_MAX];
    struct suit_walk walk = { .rows = rows };
    int r;

    if (manifest->runs != 0) {
        if (order->where != NULL)
            *order->where = manifest->where;
        return manifest->runs;
    }
    if (order->procedure == SUIT_UPDATE && manifest->sequence <= order->device->sequence) {
        if (order->where != NULL)
            *order->where = (struct suit_where){ .what = "sequence number" };
        return SUIT_REFUSED_SEQUENCE;
    }
    r = pass(&walk, order, PART_NONE);
    if (r != 0 || !for_real)
        return r;
    if (order->procedure != SUIT_UPDATE || manifest->dependency_resolution.data == NULL)
        return pass(&walk, order, PART_ALL);
    /* Once the dependencies are here, what they say is known, too. */
    r = pass(&walk, order, PART_RESOLUTION);
    r = r != 0 ? r : pass(&walk, order, PART_NONE);
    return r != 0 ? r : pass(&walk, order, PART_REST);
}

int suit_manifest_accepts(const struct suit_manifest *manifest, const struct suit_device *device,
                          struct suit_where *where)
{
    const struct order order = { manifest, SUIT_UPDATE, device, NULL, where };

    return process(&order, false);
}

int suit_manifest_process(const struct suit_manifest *manifest, enum suit_procedure procedure,
                          const struct suit_device *device, const struct suit_actions *actions,
                          struct suit_where *where)
{
    const struct order order = { manifest, procedure, device, actions, where };

    return process(&order, true);
}

int suit_manifest_run(const struct suit_manifest *manifest, const struct suit_device *device,
                      const struct suit_actions *actions, struct suit_where *where)
{
    return suit_manifest_process(manifest, SUIT_UPDATE, device, actions, where);
}
