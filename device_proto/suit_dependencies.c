/* suit_dependencies.c - manifests inside of manifests (draft-ietf-suit-trust-domains-12).
 * A dependency is believed when its own signature holds and its digest is the one that the dependent names; its
 * sequence number is not compared, for the dependent's was. It is processed in lockstep: process-dependency runs the
 * section of it that the dependent is in. Parameters belong to components, so what a dependent sets for a component of
 * the dependency is found there, and what the dependency changes stays.
 * The drafts demand dependency-integrity before process-dependency, and their own examples leave it out: here
 * process-dependency checks the integrity itself where that was not done, and refuses where no digest was ever set. */
#include "device_proto/suit_walk.h"

static bool is_loud(const struct suit_walk *walk)
{
    return walk->purpose == SUIT_REHEARSING || walk->purpose == SUIT_RUNNING;
}

/* The envelope; data is NULL where only a fetch can tell. */
static int find_envelope(struct suit_walk *walk, struct bytes *out)
{
    const struct suit_row *row = suit_current(walk);
    struct suit_transfer transfer = suit_transfer_of(walk);
    int r;

    *out = row->envelope;
    if (out->data != NULL || walk->actions == NULL)
        return 0;
    if (walk->actions->dependency == NULL)
        return suit_refuse_hard(walk, SUIT_REFUSED_UNSUPPORTED, "device keeps no dependencies");
    r = walk->actions->dependency(walk->actions->context, &transfer, out);
    if (r > 0 && walk->purpose == SUIT_REHEARSING && row->written)
        *out = bytes_view(NULL, 0);
    else if (r > 0)
        return suit_refuse_hard(walk, r, "dependency is missing");
    return r < 0 ? r : 0;
}

/* Reads and, once in a pass, verifies the envelope. */
static int read_dependency(struct suit_walk *walk, struct bytes envelope, struct suit_manifest *out)
{
    const struct suit_device *device = walk->device;
    const struct suit_row *row = suit_current(walk);
    bool known = row->authenticated;
    int r;

    r = suit_manifest_read(envelope, SUIT_37, known ? NULL : device->trust, known ? NULL : device->acceptance,
                           device->crypto, out);
    if (known)
        out->signer = row->signer;
    return r;
}

/* The dependency at the current index, authenticated. *out_known is false in a rehearsal of what was not fetched yet.
 */
static int open_dependency(struct suit_walk *walk, struct suit_manifest *out, bool *out_known)
{
    const struct suit_device *device = walk->device;
    struct suit_row *row = suit_current(walk);
    struct bytes envelope;
    bool integrated;
    int r;

    *out_known = false;
    if (!suit_is_dependency(walk->frame->manifest, walk->frame->current))
        return suit_refuse_hard(walk, SUIT_REFUSED_STRUCTURE, "component that is no dependency");
    if (device->crypto == NULL || device->trust == NULL || device->acceptance == NULL)
        return suit_refuse_hard(walk, SUIT_REFUSED_UNSUPPORTED, "dependencies");
    if (walk->where.path_length == SUIT_DEPENDENCY_DEPTH_MAX)
        return suit_refuse_hard(walk, SUIT_REFUSED_ROOM, "dependencies nested too deeply");
    if (!suit_has(row, VALUE_DIGEST))
        return suit_refuse_hard(walk, SUIT_REFUSED_POLICY, "dependency whose digest was never set");
    integrated = row->envelope.data != NULL;
    r = find_envelope(walk, &envelope);
    if (r != 0 || envelope.data == NULL)
        return r;
    r = read_dependency(walk, envelope, out);
    if (r == 0 && memcmp(out->manifest_digest, row->values[VALUE_DIGEST].bytes.data, DIGEST_SIZE) != 0) {
        r = SUIT_REFUSED_DIGEST;
        out->where.what = "dependency is another manifest";
    }
    if (r > 0 && walk->purpose == SUIT_REHEARSING && row->written && !integrated)
        return 0; /* what is kept is what the fetch will replace */
    if (r > 0)
        return suit_refuse_hard(walk, r, out->where.what);
    row->authenticated = row->matched = r == 0;
    row->signer = out->signer;
    *out_known = r == 0;
    return r;
}

int suit_check_dependency(struct suit_walk *walk, struct cbor_reader *reader)
{
    struct suit_manifest manifest;
    bool known;
    int r;

    (void)reader;
    if (!is_loud(walk))
        return 0;
    r = open_dependency(walk, &manifest, &known);
    if (r == 0 && !known)
        suit_current(walk)->matched = true;
    return r;
}

int suit_match_dependency(struct suit_walk *walk)
{
    return suit_check_dependency(walk, NULL);
}

int suit_check_is_dependency(struct suit_walk *walk, struct cbor_reader *reader)
{
    (void)reader;
    if (walk->purpose == SUIT_CHECKING || suit_is_dependency(walk->frame->manifest, walk->frame->current))
        return 0;
    return suit_refuse(walk, SUIT_REFUSED_CONDITION, "component is no dependency");
}

/* In a frame of its own; what the dependent was doing goes on afterwards. */
static int walk_section(struct suit_walk *walk, const struct suit_manifest *manifest, enum suit_section section)
{
    struct suit_frame frame = { .manifest = manifest, .selection = { 1, { 0 } } };
    struct suit_frame *dependent = walk->frame;
    struct suit_where where = walk->where;
    int r;

    walk->where.path[walk->where.path_length++] = dependent->current;
    walk->where.offset = 0;
    walk->where.what = NULL;
    walk->frame = &frame;
    r = suit_enter(walk);
    r = r != 0 ? r : suit_run_section(walk, section);
    walk->frame = dependent;
    if (r == 0)
        walk->where = where;
    return r;
}

int suit_walk_dependency(struct suit_walk *walk, enum suit_section section)
{
    struct suit_row *row = suit_current(walk);
    struct suit_manifest manifest;
    bool known;
    int r;

    r = open_dependency(walk, &manifest, &known);
    if (r == 0 && !known)
        row->matched = true; /* as the real run will check */
    if (r != 0 || !known)
        return r;
    if (manifest.runs != 0) {
        walk->where.what = manifest.where.what;
        walk->hard = true;
        return manifest.runs;
    }
    if (row->open)
        return suit_refuse_hard(walk, SUIT_REFUSED_STRUCTURE, "dependency of itself");
    row->open = true;
    r = walk_section(walk, &manifest, section);
    row->open = false;
    walk->hard = walk->hard || r > 0; /* an abort in a dependency is one of its dependent */
    return r;
}

int suit_process_dependency(struct suit_walk *walk, struct cbor_reader *reader)
{
    (void)reader;
    if (walk->where.section == SUIT_SECTION_COMMON)
        return suit_refuse_hard(walk, SUIT_REFUSED_STRUCTURE, "process-dependency in the shared sequence");
    if (!is_loud(walk))
        return 0;
    return suit_walk_dependency(walk, walk->where.section);
}
