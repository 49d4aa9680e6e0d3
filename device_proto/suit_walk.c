/* suit_walk.c - the command sequences of a manifest.
 * One walker serves three purposes. Checking visits every branch and asks only whether all of it is implemented here.
 * Describing assumes that every condition holds, and keeps what was set. Running compares with a device and acts on it;
 * it is done twice, first with actions that always succeed, so that nothing is fetched for a manifest that is refused
 * later. What a command does stands in one table; the dialects differ in the numbers they know. */
#include "device_proto/suit_private.h"

#define SEQUENCE_DEPTH_MAX 4u /* try-each and run-sequence within each other */

enum purpose { CHECKING, DESCRIBING, RUNNING };

struct parameters {
    bool has_digest, has_size, has_slot;
    struct bytes vendor_id; /* as given: a wrong length is a condition that fails, not a wrong structure */
    struct bytes class_id;
    uint8_t digest[DIGEST_SIZE];
    uint64_t size;
    uint64_t slot;
    struct bytes uri;
};

struct walk {
    enum purpose purpose;
    const struct suit_manifest *manifest;
    const struct suit_device *device;   /* when running */
    const struct suit_actions *actions; /* when running for real */
    size_t place_of[SUIT_COMPONENTS_MAX];
    struct parameters parameters[SUIT_COMPONENTS_MAX];
    bool fetched[SUIT_COMPONENTS_MAX];
    bool matched[SUIT_COMPONENTS_MAX];
    bool vendor_checked, class_checked;
    size_t current; /* component index */
    unsigned depth;
    const uint8_t *section_start;
    struct suit_where where;
};

struct command {
    int64_t number;
    bool riot, v37;                                            /* which dialects know it */
    const char *name;                                          /* for people */
    int (*run)(struct walk *walk, struct cbor_reader *reader); /* NULL: known, and not implemented */
};

static int run_sequence(struct walk *walk, struct bytes sequence);

static struct parameters *current(struct walk *walk)
{
    return &walk->parameters[walk->current];
}

static int refuse(struct walk *walk, int refusal, const char *what)
{
    walk->where.what = what;
    return refusal;
}

/* SUIT_Rep_Policy: which records are wanted; nothing here depends on it. */
static int read_policy(struct walk *walk, struct cbor_reader *reader)
{
    cbor_read_uint_max(reader, walk->manifest->dialect == SUIT_RIOT ? UINT32_MAX : 15);
    return reader->refusal != 0 ? SUIT_REFUSED_STRUCTURE : 0;
}

/* ---- conditions ---- */

static int condition_id(struct walk *walk, struct bytes wanted, const uint8_t *own, const char *what)
{
    if (walk->purpose == CHECKING)
        return 0;
    if (wanted.data == NULL)
        return refuse(walk, SUIT_REFUSED_STRUCTURE, "identifier was never set");
    if (walk->purpose == RUNNING && !bytes_equal(wanted, bytes_view(own, SUIT_ID_SIZE)))
        return refuse(walk, SUIT_REFUSED_CONDITION, what);
    return 0;
}

static int condition_vendor(struct walk *walk, struct cbor_reader *reader)
{
    const uint8_t *own = walk->device != NULL ? walk->device->vendor_id : NULL;
    int r = read_policy(walk, reader);

    r = r != 0 ? r : condition_id(walk, current(walk)->vendor_id, own, "vendor identifier is another one");
    walk->vendor_checked = walk->vendor_checked || r == 0;
    return r;
}

static int condition_class(struct walk *walk, struct cbor_reader *reader)
{
    const uint8_t *own = walk->device != NULL ? walk->device->class_id : NULL;
    int r = read_policy(walk, reader);

    r = r != 0 ? r : condition_id(walk, current(walk)->class_id, own, "class identifier is another one");
    walk->class_checked = walk->class_checked || r == 0;
    return r;
}

static int condition_slot(struct walk *walk, struct cbor_reader *reader)
{
    int r = read_policy(walk, reader);

    if (r != 0 || walk->purpose == CHECKING)
        return r;
    if (!current(walk)->has_slot)
        return refuse(walk, SUIT_REFUSED_STRUCTURE, "slot was never set");
    if (walk->purpose == RUNNING && walk->device->places[walk->place_of[walk->current]].slot != current(walk)->slot)
        return refuse(walk, SUIT_REFUSED_CONDITION, "slot is another one");
    return 0;
}

static int condition_abort(struct walk *walk, struct cbor_reader *reader)
{
    int r = read_policy(walk, reader);

    if (r != 0 || walk->purpose == CHECKING)
        return r;
    return refuse(walk, SUIT_REFUSED_CONDITION, "condition abort");
}

static int condition_image_match(struct walk *walk, struct cbor_reader *reader)
{
    const struct parameters *parameters = current(walk);
    uint64_t size = parameters->has_size ? parameters->size : SUIT_SIZE_UNKNOWN;
    bool riot = walk->manifest->dialect == SUIT_RIOT;
    int r = read_policy(walk, reader);

    if (r != 0 || walk->purpose == CHECKING)
        return r;
    if (!parameters->has_digest || (riot && !parameters->has_size))
        return refuse(walk, SUIT_REFUSED_STRUCTURE, "image digest or size was never set");
    if (riot && !walk->fetched[walk->current])
        return refuse(walk, SUIT_REFUSED_STRUCTURE, "image match without a fetch");
    if (walk->purpose == RUNNING && walk->actions != NULL)
        r = walk->actions->image_match(walk->actions->context, walk->place_of[walk->current], parameters->digest, size);
    if (r > 0)
        return refuse(walk, r, "image differs from its digest");
    walk->matched[walk->current] = r == 0;
    return r;
}

/* ---- directives ---- */

static int directive_set_index(struct walk *walk, struct cbor_reader *reader)
{
    uint64_t index;

    if (walk->manifest->dialect == SUIT_37 && !cbor_peek_is(reader, CBOR_UINT)) {
        cbor_skip(reader);
        return refuse(walk, SUIT_REFUSED_UNSUPPORTED, "component index other than one number");
    }
    index = cbor_read_uint(reader);
    if (reader->refusal != 0 || index >= walk->manifest->component_count)
        return refuse(walk, SUIT_REFUSED_STRUCTURE, "component index");
    walk->current = (size_t)index;
    walk->where.component = walk->current;
    return 0;
}

static int read_image_digest(struct walk *walk, struct cbor_reader *reader)
{
    struct cbor_reader inner = cbor_reader_on(cbor_read_bytes(reader), SUIT_RULES);
    int r;

    if (reader->refusal != 0)
        return SUIT_REFUSED_STRUCTURE;
    r = suit_read_digest(&inner, walk->manifest->dialect, current(walk)->digest);
    if (r != 0)
        return refuse(walk, r, "digest of the image");
    current(walk)->has_digest = true;
    return cbor_reader_finish(&inner) != 0 ? SUIT_REFUSED_STRUCTURE : 0;
}

/* RIOT devices refuse the type of a value before they look at its key. */
static bool is_simple_value(const struct cbor_reader *reader)
{
    enum cbor_type type = cbor_peek(reader);

    return type == CBOR_UINT || type == CBOR_NINT || type == CBOR_BYTES || type == CBOR_TEXT;
}

static const char *parameter_name(int64_t key)
{
    static const struct {
        int64_t key;
        const char *name;
    } names[] = {
        { PARAMETER_STRICT_ORDER, "parameter strict-order" }, /* in SUIT_RIOT */
        { 4, "parameter use-before" },
        { 13, "parameter soft-failure" },
        { 18, "parameter content" },
        { 19, "parameter encryption-info" },
        { 22, "parameter source-component" },
        { 23, "parameter invoke-args" },
        { 24, "parameter device-identifier" },
        { 25, "parameter fetch-arguments" },
        { 26, "parameter minimum-battery" },
        { 27, "parameter update-priority" },
        { 28, "parameter version" },
        { 29, "parameter wait-info" },
        { 30, "parameter component-metadata" },
    };

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (names[i].key == key)
            return names[i].name;
    }
    return "parameter of unknown number";
}

static int set_parameter(struct walk *walk, struct cbor_reader *reader)
{
    uint64_t most = walk->manifest->dialect == SUIT_RIOT ? UINT32_MAX : UINT64_MAX;
    int64_t key = cbor_read_int(reader);

    if (walk->manifest->dialect == SUIT_RIOT && !is_simple_value(reader))
        return refuse(walk, SUIT_REFUSED_STRUCTURE, "type of a parameter");
    if (key == PARAMETER_VENDOR && cbor_peek_is(reader, CBOR_TAG))
        return refuse(walk, SUIT_REFUSED_UNSUPPORTED, "vendor identifier by enterprise number");
    switch (key) {
    case PARAMETER_VENDOR:
        current(walk)->vendor_id = cbor_read_bytes(reader);
        break;
    case PARAMETER_CLASS:
        current(walk)->class_id = cbor_read_bytes(reader);
        break;
    case PARAMETER_DIGEST:
        return read_image_digest(walk, reader);
    case PARAMETER_SLOT:
        current(walk)->slot = cbor_read_uint_max(reader, most);
        current(walk)->has_slot = true;
        break;
    case PARAMETER_SIZE:
        current(walk)->size = cbor_read_uint_max(reader, most);
        current(walk)->has_size = true;
        break;
    case PARAMETER_URI:
        current(walk)->uri = cbor_read_text(reader);
        break;
    case PARAMETER_STRICT_ORDER: /* commands run in order here, which is always allowed */
        if (walk->manifest->dialect == SUIT_RIOT)
            return refuse(walk, SUIT_REFUSED_UNSUPPORTED, parameter_name(key));
        cbor_read_bool(reader);
        break;
    default:
        return refuse(walk, reader->refusal != 0 ? SUIT_REFUSED_STRUCTURE : SUIT_REFUSED_UNSUPPORTED,
                      parameter_name(key));
    }
    return reader->refusal != 0 ? refuse(walk, SUIT_REFUSED_STRUCTURE, "value of a parameter") : 0;
}

static int directive_override(struct walk *walk, struct cbor_reader *reader)
{
    struct cbor_list pairs = cbor_read_map(reader);
    int r = 0;

    while (r == 0 && cbor_more(reader, &pairs))
        r = set_parameter(walk, reader);
    return r != 0 ? r : reader->refusal != 0 ? SUIT_REFUSED_STRUCTURE : 0;
}

static int fetch_for_real(struct walk *walk, struct bytes uri, uint64_t size)
{
    struct bytes payload = { NULL, 0 };

    if (uri.data[0] == '#') {
        payload = suit_integrated_payload(walk->manifest->envelope, uri);
        if (payload.data == NULL)
            return refuse(walk, SUIT_REFUSED_FETCH, "integrated payload is missing");
    }
    return walk->actions->fetch(walk->actions->context, walk->place_of[walk->current], uri, size, payload);
}

static int directive_fetch(struct walk *walk, struct cbor_reader *reader)
{
    const struct parameters *parameters = current(walk);
    bool riot = walk->manifest->dialect == SUIT_RIOT;
    int r = read_policy(walk, reader);

    if (r != 0 || walk->purpose == CHECKING)
        return r;
    if (!walk->vendor_checked || !walk->class_checked)
        return refuse(walk, SUIT_REFUSED_POLICY, "fetch before vendor and class were checked");
    if (riot && walk->fetched[walk->current])
        return refuse(walk, SUIT_REFUSED_STRUCTURE, "second fetch of a component");
    if (parameters->uri.size == 0)
        return refuse(walk, SUIT_REFUSED_STRUCTURE, "URI was never set");
    if (riot && !parameters->has_size)
        return refuse(walk, SUIT_REFUSED_STORAGE, "image size was never set");
    walk->fetched[walk->current] = true;
    walk->matched[walk->current] = false;
    if (walk->purpose == RUNNING && walk->actions != NULL)
        r = fetch_for_real(walk, parameters->uri, parameters->has_size ? parameters->size : SUIT_SIZE_UNKNOWN);
    return r > 0 && walk->where.what == NULL ? refuse(walk, r, "fetch failed") : r;
}

static int directive_invoke(struct walk *walk, struct cbor_reader *reader)
{
    int r = read_policy(walk, reader);

    if (r != 0 || walk->purpose != RUNNING || walk->actions == NULL || walk->actions->invoke == NULL)
        return r;
    return walk->actions->invoke(walk->actions->context, walk->place_of[walk->current]);
}

static int directive_run_sequence(struct walk *walk, struct cbor_reader *reader)
{
    struct bytes sequence = cbor_read_bytes(reader);

    return reader->refusal != 0 ? SUIT_REFUSED_STRUCTURE : run_sequence(walk, sequence);
}

/* Does a branch of try-each that ended so give way to the next one? */
static bool gives_way(const struct walk *walk, int r)
{
    return r == SUIT_REFUSED_CONDITION || (r == SUIT_REFUSED_DIGEST && walk->manifest->dialect == SUIT_37);
}

static int directive_try_each(struct walk *walk, struct cbor_reader *reader)
{
    struct cbor_list branches = cbor_read_array(reader);
    int r = SUIT_REFUSED_CONDITION;

    while (cbor_more(reader, &branches)) {
        struct bytes branch;

        if (walk->manifest->dialect == SUIT_37 && branches.left == 0 && cbor_peek_is(reader, CBOR_NULL)) {
            cbor_read_null(reader);
            r = gives_way(walk, r) ? 0 : r;
            continue;
        }
        branch = cbor_read_bytes(reader);
        if (reader->refusal != 0)
            break;
        if (walk->purpose == CHECKING && r != 0 && !gives_way(walk, r))
            continue;
        if (walk->purpose == CHECKING || gives_way(walk, r))
            r = run_sequence(walk, branch);
    }
    return reader->refusal != 0 ? refuse(walk, SUIT_REFUSED_STRUCTURE, "branch of try-each") : r;
}

static const struct command commands[] = {
    { CONDITION_VENDOR, true, true, "condition vendor-identifier", condition_vendor },
    { CONDITION_CLASS, true, true, "condition class-identifier", condition_class },
    { CONDITION_IMAGE_MATCH, true, true, "condition image-match", condition_image_match },
    { CONDITION_SLOT, true, true, "condition component-slot", condition_slot },
    { CONDITION_ABORT, false, true, "condition abort", condition_abort },
    { DIRECTIVE_SET_INDEX, true, true, "directive set-component-index", directive_set_index },
    { DIRECTIVE_TRY_EACH, true, true, "directive try-each", directive_try_each },
    { DIRECTIVE_SET, true, false, "directive set-parameters", directive_override },
    { DIRECTIVE_OVERRIDE, true, true, "directive override-parameters", directive_override },
    { DIRECTIVE_FETCH, true, true, "directive fetch", directive_fetch },
    { DIRECTIVE_INVOKE, false, true, "directive invoke", directive_invoke },
    { DIRECTIVE_RUN_SEQUENCE_RIOT, true, false, "directive run-sequence", directive_run_sequence },
    { DIRECTIVE_RUN_SEQUENCE, false, true, "directive run-sequence", directive_run_sequence },
    { 4, false, true, "condition use-before", NULL },
    { 6, false, true, "condition check-content", NULL },
    { 7, false, true, "condition dependency-integrity", NULL },
    { 8, false, true, "condition is-dependency", NULL },
    { 11, false, true, "directive process-dependency", NULL },
    { 18, false, true, "directive write", NULL },
    { DIRECTIVE_SET, false, true, "directive set-parameters", NULL },
    { 22, false, true, "directive copy", NULL },
    { 24, false, true, "condition device-identifier", NULL },
    { 25, false, true, "condition image-not-match", NULL },
    { 26, false, true, "condition minimum-battery", NULL },
    { 27, false, true, "condition update-authorized", NULL },
    { 28, false, true, "condition version", NULL },
    { 29, false, true, "directive wait", NULL },
    { 31, false, true, "directive swap", NULL },
    { 33, false, true, "directive unlink", NULL },
    { 34, false, true, "directive override-multiple", NULL },
    { 35, false, true, "directive copy-params", NULL },
};

static int run_command(struct walk *walk, struct cbor_reader *reader, int64_t number)
{
    bool riot = walk->manifest->dialect == SUIT_RIOT;

    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        const struct command *command = &commands[i];
        int r;

        if (command->number != number || !(riot ? command->riot : command->v37))
            continue;
        if (command->run == NULL)
            return refuse(walk, SUIT_REFUSED_UNSUPPORTED, command->name);
        r = command->run(walk, reader);
        return r > 0 && walk->where.what == NULL ? refuse(walk, r, command->name) : r;
    }
    return refuse(walk, SUIT_REFUSED_UNSUPPORTED, "command of unknown number");
}

static int run_sequence(struct walk *walk, struct bytes sequence)
{
    struct cbor_reader reader = cbor_reader_on(sequence, SUIT_RULES);
    struct cbor_list items = cbor_read_array(&reader);
    int r = 0;

    if (walk->depth >= SEQUENCE_DEPTH_MAX)
        return refuse(walk, SUIT_REFUSED_UNSUPPORTED, "sequences nested too deeply");
    walk->depth++;
    while (r == 0 && cbor_more(&reader, &items)) {
        size_t offset = (size_t)(reader.at - walk->section_start);
        int64_t number = cbor_read_int(&reader);

        if (!cbor_more(&reader, &items)) /* a command without its argument */
            cbor_refuse(&reader, CBOR_MALFORMED);
        walk->where.command = number;
        walk->where.offset = offset;
        walk->where.component = walk->current;
        walk->where.what = NULL;
        r = reader.refusal != 0 ? 0 : run_command(walk, &reader, number);
    }
    walk->depth--;
    if (r == 0 && cbor_reader_finish(&reader) != 0)
        r = refuse(walk, SUIT_REFUSED_STRUCTURE, "command sequence");
    return r;
}

/* SUIT_37 runs the shared sequence before each section, on fresh parameters; SUIT_RIOT once. */
static int run_section(struct walk *walk, enum suit_section section, struct bytes sequence)
{
    int r = 0;

    if (sequence.data == NULL)
        return 0;
    if (walk->manifest->dialect == SUIT_37 && section != SUIT_SECTION_COMMON) {
        memset(walk->parameters, 0, sizeof walk->parameters);
        r = run_section(walk, SUIT_SECTION_COMMON, walk->manifest->shared);
        if (r != 0)
            return r;
    }
    walk->current = walk->manifest->dialect == SUIT_37 ? 0 : walk->current;
    walk->where.section = section;
    walk->section_start = sequence.data;
    return run_sequence(walk, sequence);
}

static int run_sections(struct walk *walk)
{
    const struct suit_manifest *manifest = walk->manifest;
    bool invoking = walk->purpose == CHECKING || (walk->actions != NULL && walk->actions->invoke != NULL);
    int r;

    r = run_section(walk, SUIT_SECTION_COMMON, manifest->shared);
    r = r != 0 ? r : run_section(walk, SUIT_SECTION_PAYLOAD_FETCH, manifest->payload_fetch);
    r = r != 0 ? r : run_section(walk, SUIT_SECTION_INSTALL, manifest->install);
    r = r != 0 ? r : run_section(walk, SUIT_SECTION_VALIDATE, manifest->validate);
    if (r == 0 && walk->purpose == RUNNING) {
        for (size_t i = 0; i < manifest->component_count; i++) {
            walk->where.component = i;
            if (walk->fetched[i] && !walk->matched[i])
                return refuse(walk, SUIT_REFUSED_POLICY, "fetched, and never matched with its digest");
        }
    }
    if (!invoking)
        return r;
    r = r != 0 ? r : run_section(walk, SUIT_SECTION_LOAD, manifest->load);
    return r != 0 ? r : run_section(walk, SUIT_SECTION_INVOKE, manifest->invoke);
}

int suit_walk_check(const struct suit_manifest *manifest, struct suit_where *where)
{
    struct walk walk;
    int r;

    memset(&walk, 0, sizeof walk);
    walk.purpose = CHECKING;
    walk.manifest = manifest;
    r = run_sections(&walk);
    if (r != 0)
        *where = walk.where;
    return r;
}

void suit_walk_describe(struct suit_manifest *manifest)
{
    const struct parameters *first;
    struct walk walk;

    memset(&walk, 0, sizeof walk);
    walk.purpose = DESCRIBING;
    walk.manifest = manifest;
    /* As far as it gets: what cannot be run may still be told. */
    if (run_section(&walk, SUIT_SECTION_COMMON, manifest->shared) == 0)
        run_section(&walk, SUIT_SECTION_INSTALL, manifest->install);
    first = &walk.parameters[0];
    manifest->has_vendor_id = first->vendor_id.size == SUIT_ID_SIZE;
    manifest->has_class_id = first->class_id.size == SUIT_ID_SIZE;
    if (manifest->has_vendor_id)
        memcpy(manifest->vendor_id, first->vendor_id.data, SUIT_ID_SIZE);
    if (manifest->has_class_id)
        memcpy(manifest->class_id, first->class_id.data, SUIT_ID_SIZE);
    manifest->has_digest = first->has_digest;
    memcpy(manifest->digest, first->digest, DIGEST_SIZE);
    manifest->has_size = first->has_size;
    manifest->size = first->size;
    manifest->uri = first->uri;
}

/* Where each component of the manifest is on the device. */
static int find_places(struct walk *walk)
{
    for (size_t i = 0; i < walk->manifest->component_count; i++) {
        size_t place = 0;

        while (place < walk->device->place_count &&
               !suit_component_equal(&walk->device->places[place].component, &walk->manifest->components[i]))
            place++;
        walk->where.component = i;
        if (place == walk->device->place_count)
            return refuse(walk, SUIT_REFUSED_COMPONENT, "no such component");
        walk->place_of[i] = place;
    }
    return 0;
}

/* actions NULL: a rehearsal. */
static int run(const struct suit_manifest *manifest, const struct suit_device *device,
               const struct suit_actions *actions, struct suit_where *where)
{
    struct walk walk;
    int r;

    memset(&walk, 0, sizeof walk);
    walk.purpose = RUNNING;
    walk.manifest = manifest;
    walk.device = device;
    walk.actions = actions;
    walk.where.what = "sequence number";
    r = manifest->sequence > device->sequence ? find_places(&walk) : SUIT_REFUSED_SEQUENCE;
    if (r == 0)
        r = run_sections(&walk);
    if (r > 0 && where != NULL)
        *where = walk.where;
    return r;
}

int suit_manifest_accepts(const struct suit_manifest *manifest, const struct suit_device *device,
                          struct suit_where *where)
{
    if (manifest->runs != 0) {
        if (where != NULL)
            *where = manifest->where;
        return manifest->runs;
    }
    return run(manifest, device, NULL, where);
}

int suit_manifest_run(const struct suit_manifest *manifest, const struct suit_device *device,
                      const struct suit_actions *actions, struct suit_where *where)
{
    int r;

    r = suit_manifest_accepts(manifest, device, where);
    return r != 0 ? r : run(manifest, device, actions, where);
}
