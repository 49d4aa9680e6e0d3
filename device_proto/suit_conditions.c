/* suit_conditions.c - conditions on what a device is and holds.
 * A condition whose parameter was never set fails: softly in SUIT_37, as a broken manifest in SUIT_RIOT. */
#include "device_proto/suit_walk.h"

static int never_set(struct suit_walk *walk, const char *what)
{
    return suit_refuse(walk, suit_is_riot(walk) ? SUIT_REFUSED_STRUCTURE : SUIT_REFUSED_CONDITION, what);
}

static bool compares(const struct suit_walk *walk)
{
    return walk->purpose == SUIT_REHEARSING || walk->purpose == SUIT_RUNNING;
}

/* Whether a component's content can be asked for: when running; and in a rehearsal, if nothing wrote to it before. */
static bool asks(struct suit_walk *walk)
{
    if (suit_acts(walk))
        return true;
    return walk->purpose == SUIT_REHEARSING && walk->actions != NULL && !suit_is_riot(walk) &&
           !suit_current(walk)->written;
}

/* ---- identity ---- */

static int check_id(struct suit_walk *walk, enum suit_value_index index, const uint8_t *own, const char *what)
{
    const struct suit_row *row = suit_current(walk);

    if (walk->purpose == SUIT_CHECKING)
        return 0;
    if (!suit_has(row, index))
        return never_set(walk, "identifier was never set");
    if (compares(walk) && (own == NULL || !bytes_equal(row->values[index].bytes, bytes_view(own, SUIT_ID_SIZE))))
        return suit_refuse(walk, SUIT_REFUSED_CONDITION, what);
    return 0;
}

int suit_check_vendor(struct suit_walk *walk, struct cbor_reader *reader)
{
    const struct suit_row *row = suit_current(walk);
    int r;

    (void)reader;
    if (walk->purpose != SUIT_CHECKING && suit_has(row, VALUE_VENDOR_PEN)) {
        bool same = !compares(walk) || (walk->device->vendor_pen.size > 0 &&
                                        bytes_equal(row->values[VALUE_VENDOR_PEN].bytes, walk->device->vendor_pen));

        r = same ? 0 : suit_refuse(walk, SUIT_REFUSED_CONDITION, "vendor's enterprise number is another one");
    } else {
        r = check_id(walk, VALUE_VENDOR, walk->device != NULL ? walk->device->vendor_id : NULL,
                     "vendor identifier is another one");
    }
    walk->vendor_checked = walk->vendor_checked || r == 0;
    return r;
}

int suit_check_class(struct suit_walk *walk, struct cbor_reader *reader)
{
    int r = check_id(walk, VALUE_CLASS, walk->device != NULL ? walk->device->class_id : NULL,
                     "class identifier is another one");

    (void)reader;
    walk->class_checked = walk->class_checked || r == 0;
    return r;
}

int suit_check_device(struct suit_walk *walk, struct cbor_reader *reader)
{
    const struct suit_device *device = walk->device;

    (void)reader;
    return check_id(walk, VALUE_DEVICE, device != NULL && device->has_device_id ? device->device_id : NULL,
                    "device identifier is another one");
}

int suit_check_slot(struct suit_walk *walk, struct cbor_reader *reader)
{
    const struct suit_row *row = suit_current(walk);

    (void)reader;
    if (walk->purpose == SUIT_CHECKING)
        return 0;
    if (!suit_has(row, VALUE_SLOT))
        return never_set(walk, "slot was never set");
    if (compares(walk) &&
        (row->place == SUIT_NO_PLACE || walk->device->places[row->place].slot != row->values[VALUE_SLOT].number))
        return suit_refuse(walk, SUIT_REFUSED_CONDITION, "slot is another one");
    return 0;
}

int suit_check_abort(struct suit_walk *walk, struct cbor_reader *reader)
{
    (void)reader;
    return walk->purpose == SUIT_CHECKING ? 0 : suit_refuse(walk, SUIT_REFUSED_CONDITION, "condition abort");
}

/* ---- contents ---- */

/* *out is what the device says: 0, or a refusal; 0 where it cannot be asked yet. */
static int ask_match(struct suit_walk *walk, int *out)
{
    const struct suit_row *row = suit_current(walk);
    uint64_t size = suit_has(row, VALUE_SIZE) ? row->values[VALUE_SIZE].number : SUIT_SIZE_UNKNOWN;
    int r;

    *out = 0;
    if (!asks(walk))
        return 0;
    if (walk->actions->image_match == NULL || row->place == SUIT_NO_PLACE)
        return suit_refuse_hard(walk, SUIT_REFUSED_UNSUPPORTED, "image match of what the device cannot read");
    r = walk->actions->image_match(walk->actions->context, row->place, row->values[VALUE_DIGEST].bytes.data, size);
    *out = r;
    return r < 0 ? r : 0;
}

int suit_check_image(struct suit_walk *walk, struct cbor_reader *reader)
{
    struct suit_row *row = suit_current(walk);
    bool riot = suit_is_riot(walk);
    int r, found;

    (void)reader;
    if (walk->purpose == SUIT_CHECKING)
        return 0;
    if (!suit_has(row, VALUE_DIGEST) || (riot && !suit_has(row, VALUE_SIZE)))
        return never_set(walk, "image digest or size was never set");
    if (riot && !row->written)
        return suit_refuse(walk, SUIT_REFUSED_STRUCTURE, "image match without a fetch");
    if (suit_is_dependency(walk->frame->manifest, walk->frame->current))
        return suit_match_dependency(walk);
    r = ask_match(walk, &found);
    if (r == 0 && found > 0)
        r = suit_refuse(walk, found, "image differs from its digest");
    if (r == 0)
        row->matched = true;
    return r;
}

int suit_check_no_image(struct suit_walk *walk, struct cbor_reader *reader)
{
    const struct suit_row *row = suit_current(walk);
    int r, found;

    (void)reader;
    if (walk->purpose == SUIT_CHECKING)
        return 0;
    if (!suit_has(row, VALUE_DIGEST))
        return never_set(walk, "image digest was never set");
    if (!asks(walk))
        return 0;
    r = ask_match(walk, &found);
    if (r == 0 && found != SUIT_REFUSED_DIGEST)
        r = suit_refuse(walk, found == 0 ? SUIT_REFUSED_CONDITION : found, "image has that digest");
    return r;
}

int suit_check_content(struct suit_walk *walk, struct cbor_reader *reader)
{
    struct suit_row *row = suit_current(walk);
    int r = 0;

    (void)reader;
    if (walk->purpose == SUIT_CHECKING)
        return 0;
    if (!suit_has(row, VALUE_CONTENT))
        return never_set(walk, "content was never set");
    if (walk->actions != NULL && (walk->actions->check_content == NULL || row->place == SUIT_NO_PLACE))
        return suit_refuse_hard(walk, SUIT_REFUSED_UNSUPPORTED, "condition check-content");
    if (asks(walk))
        r = walk->actions->check_content(walk->actions->context, row->place, row->values[VALUE_CONTENT].bytes);
    if (r > 0)
        return suit_refuse(walk, r, "content is another one");
    if (r == 0)
        row->matched = true;
    return r;
}
