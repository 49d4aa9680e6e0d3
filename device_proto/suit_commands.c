/* suit_commands.c - the table of commands, and the directives that act on components.
 * A directive that fails ends the run, whatever soft-failure says; only conditions are forgiven. */
#include "device_proto/suit_walk.h"

static bool is_loud(const struct suit_walk *walk)
{
    return walk->purpose == SUIT_REHEARSING || walk->purpose == SUIT_RUNNING;
}

/* What an action ended with. */
static int acted(struct suit_walk *walk, int r, const char *what)
{
    return r > 0 ? suit_refuse_hard(walk, r, what) : r;
}

static struct bytes value_or_none(const struct suit_row *row, enum suit_value_index index)
{
    return suit_has(row, index) ? row->values[index].bytes : bytes_view(NULL, 0);
}

struct suit_transfer suit_transfer_of(struct suit_walk *walk)
{
    const struct suit_row *row = suit_current(walk);
    struct suit_transfer transfer = { .place = row->place, .component = &row->component, .source = SUIT_NO_PLACE };

    transfer.is_dependency = suit_is_dependency(walk->frame->manifest, walk->frame->current);
    transfer.size = suit_has(row, VALUE_SIZE) ? row->values[VALUE_SIZE].number : SUIT_SIZE_UNKNOWN;
    transfer.metadata = value_or_none(row, VALUE_METADATA);
    return transfer;
}

/* ---- what every directive that writes has to ask first ---- */

/* Under loose order a component must not be written to and read from. */
static int check_race(struct suit_walk *walk, const struct suit_row *target, const struct suit_row *source)
{
    struct suit_frame *frame = walk->frame;

    if (!frame->loose)
        return 0;
    frame->targets |= 1u << (target - walk->rows);
    frame->sources |= source == NULL ? 0 : 1u << (source - walk->rows);
    return (frame->sources & frame->targets) == 0
               ? 0
               : suit_refuse_hard(walk, SUIT_REFUSED_STRUCTURE, "component both written and read under loose order");
}

static int check_writing(struct suit_walk *walk, bool possible, const struct suit_row *source)
{
    const struct suit_row *row = suit_current(walk);

    if ((walk->device->waives & SUIT_WAIVE_IDENTITY) == 0 && (!walk->vendor_checked || !walk->class_checked))
        return suit_refuse_hard(walk, SUIT_REFUSED_POLICY, "fetch before vendor and class were checked");
    if (walk->actions != NULL && !possible)
        return suit_refuse_hard(walk, SUIT_REFUSED_UNSUPPORTED, NULL); /* named by the command */
    return check_race(walk, row, source);
}

/* The stream that decrypts what comes; NULL where it is plain. */
static int ready_stream(struct suit_walk *walk, struct suit_transfer *transfer, struct cose_stream *stream)
{
    const struct cose_encrypt_rules rules = { .kdf_other = bytes_of_text(COSE_KDF_SUIT) };
    const struct suit_device *device = walk->device;
    const struct suit_row *row = suit_current(walk);
    struct bytes attached = { NULL, 0 };
    int r;

    if (!suit_has(row, VALUE_ENCRYPTION))
        return 0;
    if (device->crypto == NULL || device->decryption_key_count == 0)
        return suit_refuse_hard(walk, SUIT_REFUSED_DECRYPTION, "device has no key to decrypt with");
    r = cose_decrypt_begin(row->values[VALUE_ENCRYPTION].bytes, device->decryption_keys, device->decryption_key_count,
                           &rules, device->crypto, stream, &attached);
    transfer->decryption = stream;
    if (r == COSE_STRUCTURE || (r == 0 && attached.data != NULL))
        return suit_refuse_hard(walk, SUIT_REFUSED_STRUCTURE, "encryption-info");
    if (r == COSE_UNSUPPORTED || r == COSE_NO_ROOM)
        return suit_refuse_hard(walk, SUIT_REFUSED_UNSUPPORTED, "algorithm of encryption-info");
    return r > 0 ? suit_refuse_hard(walk, SUIT_REFUSED_DECRYPTION, "encrypted for other keys") : r;
}

typedef int (*transfer_action)(void *context, const struct suit_transfer *transfer);

/* The action itself, with decryption ready. */
static int transfer_now(struct suit_walk *walk, transfer_action action, struct suit_transfer *transfer,
                        const char *what)
{
    struct suit_row *row = suit_current(walk);
    struct cose_stream stream;
    int r;

    r = ready_stream(walk, transfer, &stream);
    if (r == 0 && suit_acts(walk))
        r = acted(walk, action(walk->actions->context, transfer), what);
    if (transfer->decryption != NULL)
        cose_stream_wipe(&stream);
    transfer->decryption = NULL;
    if (r != 0)
        return r;
    row->written = true;
    row->matched = row->authenticated = false;
    row->envelope = bytes_view(NULL, 0);
    return 0;
}

/* ---- directives ---- */

static int find_payload(struct suit_walk *walk, struct suit_transfer *transfer)
{
    bool fragment = transfer->uri.data[0] == '#';

    if (fragment || !suit_is_riot(walk))
        transfer->payload = suit_integrated_payload(walk->frame->manifest->envelope, transfer->uri);
    if (fragment && transfer->payload.data == NULL)
        return suit_refuse_hard(walk, SUIT_REFUSED_FETCH, "integrated payload is missing");
    return 0;
}

static int fetch_payload(struct suit_walk *walk, struct cbor_reader *reader)
{
    struct suit_transfer transfer = suit_transfer_of(walk);
    struct suit_row *row = suit_current(walk);
    bool riot = suit_is_riot(walk);
    int r;

    (void)reader;
    if (!is_loud(walk))
        return 0;
    r = check_writing(walk, walk->actions != NULL && walk->actions->fetch != NULL, NULL);
    if (r != 0)
        return r;
    if (riot && row->written)
        return suit_refuse_hard(walk, SUIT_REFUSED_STRUCTURE, "second fetch of a component");
    transfer.uri = value_or_none(row, VALUE_URI);
    transfer.arguments = value_or_none(row, VALUE_FETCH_ARGS);
    if (transfer.uri.size == 0)
        return suit_refuse_hard(walk, SUIT_REFUSED_STRUCTURE, "URI was never set");
    if (riot && !suit_has(row, VALUE_SIZE))
        return suit_refuse_hard(walk, SUIT_REFUSED_STORAGE, "image size was never set");
    r = find_payload(walk, &transfer);
    if (r == 0)
        r = transfer_now(walk, walk->actions != NULL ? walk->actions->fetch : NULL, &transfer, "fetch failed");
    if (r == 0 && transfer.is_dependency)
        row->envelope = transfer.payload;
    return r;
}

static int write_content(struct suit_walk *walk, struct cbor_reader *reader)
{
    struct suit_transfer transfer = suit_transfer_of(walk);
    struct suit_row *row = suit_current(walk);
    int r;

    (void)reader;
    if (!is_loud(walk))
        return 0;
    r = check_writing(walk, walk->actions != NULL && walk->actions->write != NULL, NULL);
    if (r != 0)
        return r;
    if (row->place == SUIT_NO_PLACE)
        return suit_refuse_hard(walk, SUIT_REFUSED_COMPONENT, "no such component");
    if (!suit_has(row, VALUE_CONTENT))
        return suit_refuse_hard(walk, SUIT_REFUSED_STRUCTURE, "content was never set");
    transfer.payload = row->values[VALUE_CONTENT].bytes;
    r = transfer_now(walk, walk->actions != NULL ? walk->actions->write : NULL, &transfer, "write failed");
    row->matched = row->matched || r == 0; /* the content was signed with the manifest */
    return r;
}

/* What copy and swap have in common; *out_source is the other component. */
static int check_source(struct suit_walk *walk, bool possible, struct suit_transfer *transfer,
                        struct suit_row **out_source)
{
    struct suit_row *row = suit_current(walk);
    struct suit_row *source;

    if (!suit_has(row, VALUE_SOURCE))
        return suit_refuse_hard(walk, SUIT_REFUSED_STRUCTURE, "source-component was never set");
    source = &walk->rows[row->values[VALUE_SOURCE].number];
    if (row->place == SUIT_NO_PLACE || source->place == SUIT_NO_PLACE)
        return suit_refuse_hard(walk, SUIT_REFUSED_COMPONENT, "no such component");
    if (source == row)
        return suit_refuse_hard(walk, SUIT_REFUSED_STRUCTURE, "component is its own source");
    transfer->source = source->place;
    *out_source = source;
    return check_writing(walk, possible, source);
}

static int copy(struct suit_walk *walk, struct cbor_reader *reader)
{
    struct suit_transfer transfer = suit_transfer_of(walk);
    struct suit_row *row = suit_current(walk);
    struct suit_row *source = NULL;
    int r;

    (void)reader;
    if (!is_loud(walk))
        return 0;
    r = check_source(walk, walk->actions != NULL && walk->actions->copy != NULL, &transfer, &source);
    if (r == 0)
        r = transfer_now(walk, walk->actions != NULL ? walk->actions->copy : NULL, &transfer, "copy failed");
    if (r == 0)
        row->matched = source->matched && !suit_has(row, VALUE_ENCRYPTION);
    return r;
}

static int swap(struct suit_walk *walk, struct cbor_reader *reader)
{
    struct suit_transfer transfer = suit_transfer_of(walk);
    struct suit_row *row = suit_current(walk);
    struct suit_row *source = NULL;
    bool was_good = !row->written || row->matched; /* what was there before is no concern of this manifest */
    int r;

    (void)reader;
    if (!is_loud(walk))
        return 0;
    if (suit_has(row, VALUE_ENCRYPTION))
        return suit_refuse_hard(walk, SUIT_REFUSED_UNSUPPORTED, "swap with encryption-info");
    r = check_source(walk, walk->actions != NULL && walk->actions->swap != NULL, &transfer, &source);
    if (r == 0)
        r = transfer_now(walk, walk->actions != NULL ? walk->actions->swap : NULL, &transfer, "swap failed");
    if (r == 0) {
        row->matched = !source->written || source->matched;
        source->matched = was_good;
        source->written = true;
        source->authenticated = false;
        source->envelope = bytes_view(NULL, 0);
    }
    return r;
}

static int invoke(struct suit_walk *walk, struct cbor_reader *reader)
{
    struct suit_transfer transfer = suit_transfer_of(walk);

    (void)reader;
    if (!is_loud(walk) || walk->actions == NULL)
        return 0;
    if (walk->actions->invoke == NULL)
        return suit_refuse_hard(walk, SUIT_REFUSED_UNSUPPORTED, NULL);
    if (transfer.place == SUIT_NO_PLACE)
        return suit_refuse_hard(walk, SUIT_REFUSED_COMPONENT, "no such component");
    transfer.arguments = value_or_none(suit_current(walk), VALUE_INVOKE_ARGS);
    return suit_acts(walk) ? acted(walk, walk->actions->invoke(walk->actions->context, &transfer), "invoke failed") : 0;
}

/* A dependency that goes uninstalls first what it brought. */
static int unlink_component(struct suit_walk *walk, struct cbor_reader *reader)
{
    struct suit_transfer transfer = suit_transfer_of(walk);
    int r = 0;

    (void)reader;
    if (!is_loud(walk))
        return 0;
    if (walk->actions != NULL && walk->actions->unlink == NULL)
        return suit_refuse_hard(walk, SUIT_REFUSED_UNSUPPORTED, NULL);
    if (transfer.is_dependency)
        r = suit_walk_dependency(walk, SUIT_SECTION_UNINSTALL);
    if (r == 0 && suit_acts(walk))
        r = acted(walk, walk->actions->unlink(walk->actions->context, &transfer), "unlink failed");
    return r;
}

/* ---- the table ---- */

static const struct suit_executor executors[] = {
    { SUIT_CONDITION_VENDOR, true, true, "condition vendor-identifier", SUIT_EACH, suit_check_vendor },
    { SUIT_CONDITION_CLASS, true, true, "condition class-identifier", SUIT_EACH, suit_check_class },
    { SUIT_CONDITION_IMAGE_MATCH, true, true, "condition image-match", SUIT_EACH, suit_check_image },
    { SUIT_CONDITION_USE_BEFORE, false, true, "condition use-before", SUIT_EACH, suit_check_use_before },
    { SUIT_CONDITION_SLOT, true, true, "condition component-slot", SUIT_EACH, suit_check_slot },
    { SUIT_CONDITION_CHECK_CONTENT, false, true, "condition check-content", SUIT_EACH, suit_check_content },
    { SUIT_CONDITION_DEPENDENCY_INTEGRITY, false, true, "condition dependency-integrity", SUIT_EACH,
      suit_check_dependency },
    { SUIT_CONDITION_IS_DEPENDENCY, false, true, "condition is-dependency", SUIT_EACH, suit_check_is_dependency },
    { SUIT_DIRECTIVE_PROCESS_DEPENDENCY, false, true, "directive process-dependency", SUIT_EACH,
      suit_process_dependency },
    { SUIT_DIRECTIVE_SET_INDEX, true, true, "directive set-component-index", SUIT_ONCE, suit_set_index },
    { SUIT_CONDITION_ABORT, false, true, "condition abort", SUIT_EACH, suit_check_abort },
    { SUIT_DIRECTIVE_TRY_EACH, true, true, "directive try-each", SUIT_EACH_ARGUMENT, suit_try_each },
    { SUIT_DIRECTIVE_WRITE, false, true, "directive write", SUIT_EACH, write_content },
    { SUIT_DIRECTIVE_SET_PARAMETERS, true, true, "directive set-parameters", SUIT_EACH_ARGUMENT, suit_set_parameters },
    { SUIT_DIRECTIVE_OVERRIDE, true, true, "directive override-parameters", SUIT_EACH_ARGUMENT,
      suit_override_parameters },
    { SUIT_DIRECTIVE_FETCH, true, true, "directive fetch", SUIT_EACH, fetch_payload },
    { SUIT_DIRECTIVE_COPY, false, true, "directive copy", SUIT_EACH, copy },
    { SUIT_DIRECTIVE_INVOKE, false, true, "directive invoke", SUIT_EACH, invoke },
    { SUIT_CONDITION_DEVICE, false, true, "condition device-identifier", SUIT_EACH, suit_check_device },
    { SUIT_CONDITION_IMAGE_NOT_MATCH, false, true, "condition image-not-match", SUIT_EACH, suit_check_no_image },
    { SUIT_CONDITION_BATTERY, false, true, "condition minimum-battery", SUIT_EACH, suit_check_battery },
    { SUIT_CONDITION_AUTHORIZED, false, true, "condition update-authorized", SUIT_EACH, suit_check_authorized },
    { SUIT_CONDITION_VERSION, false, true, "condition version", SUIT_EACH, suit_check_version },
    { SUIT_DIRECTIVE_WAIT, false, true, "directive wait", SUIT_EACH, suit_wait_for },
    { DIRECTIVE_RUN_SEQUENCE_RIOT, true, false, "directive run-sequence", SUIT_EACH_ARGUMENT, suit_run_argument },
    { SUIT_DIRECTIVE_SWAP, false, true, "directive swap", SUIT_EACH, swap },
    { SUIT_DIRECTIVE_RUN_SEQUENCE, false, true, "directive run-sequence", SUIT_EACH_ARGUMENT, suit_run_argument },
    { SUIT_DIRECTIVE_UNLINK, false, true, "directive unlink", SUIT_EACH, unlink_component },
    { SUIT_DIRECTIVE_OVERRIDE_MULTIPLE, false, true, "directive override-multiple", SUIT_ONCE, suit_override_multiple },
    { SUIT_DIRECTIVE_COPY_PARAMS, false, true, "directive copy-params", SUIT_EACH_ARGUMENT, suit_copy_params },
};
#define EXECUTOR_COUNT (sizeof executors / sizeof executors[0])

const struct suit_executor *suit_executor_find(enum suit_dialect dialect, int64_t number)
{
    for (size_t i = 0; i < EXECUTOR_COUNT; i++) {
        if (executors[i].number == number && (dialect == SUIT_RIOT ? executors[i].riot : executors[i].v37))
            return &executors[i];
    }
    return NULL;
}

bool suit_command_at(enum suit_dialect dialect, size_t i, int64_t *out_number)
{
    for (size_t k = 0; k < EXECUTOR_COUNT; k++) {
        if ((dialect == SUIT_RIOT ? executors[k].riot : executors[k].v37) && i-- == 0) {
            *out_number = executors[k].number;
            return true;
        }
    }
    return false;
}
