/* suit_update.c - what update management (draft-ietf-suit-update-management-14) adds: versions, time, energy, consent,
 * and waiting for them. */
#include "device_proto/suit_walk.h"

enum comparison { VERSION_GREATER = 1, VERSION_GREATER_EQUAL, VERSION_EQUAL, VERSION_LESSER_EQUAL, VERSION_LESSER };

enum wait_event {
    WAIT_AUTHORIZATION = 1,
    WAIT_POWER,
    WAIT_NETWORK,
    WAIT_OTHER_DEVICE,
    WAIT_TIME,
    WAIT_TIME_OF_DAY,
    WAIT_DAY_OF_WEEK,
    WAIT_TIME_OF_DAY_UTC,
    WAIT_DAY_OF_WEEK_UTC,
};

#define SECONDS_A_DAY 86400u

static bool compares(const struct suit_walk *walk)
{
    return walk->purpose == SUIT_REHEARSING || walk->purpose == SUIT_RUNNING;
}

static int never_set(struct suit_walk *walk, const char *what)
{
    return suit_refuse(walk, SUIT_REFUSED_CONDITION, what);
}

/* ---- versions ---- */

int suit_version_compare(const struct suit_version *a, const struct suit_version *b)
{
    for (size_t i = 0; i < SUIT_VERSION_PARTS; i++) {
        int64_t left = i < a->count ? a->parts[i] : 0, right = i < b->count ? b->parts[i] : 0;

        if (left != right)
            return left < right ? -1 : 1;
    }
    return 0;
}

/* 0, SUIT_REFUSED_STRUCTURE, or SUIT_REFUSED_UNSUPPORTED for too many parts. */
int suit_read_version(struct cbor_reader *reader, struct suit_version *out)
{
    struct cbor_list parts = cbor_read_array(reader);
    struct suit_version version = { 0 };
    int r = 0;

    while (cbor_more(reader, &parts)) {
        int64_t part = cbor_read_int(reader);

        if (version.count < SUIT_VERSION_PARTS)
            version.parts[version.count++] = part;
        else
            r = SUIT_REFUSED_UNSUPPORTED;
    }
    *out = version;
    return reader->refusal != 0 || version.count == 0 ? SUIT_REFUSED_STRUCTURE : r;
}

static bool satisfies(enum comparison comparison, int difference)
{
    switch (comparison) {
    case VERSION_GREATER:
        return difference > 0;
    case VERSION_GREATER_EQUAL:
        return difference >= 0;
    case VERSION_EQUAL:
        return difference == 0;
    case VERSION_LESSER_EQUAL:
        return difference <= 0;
    case VERSION_LESSER:
        return difference < 0;
    }
    return false;
}

int suit_check_version(struct suit_walk *walk, struct cbor_reader *reader)
{
    const struct suit_row *row = suit_current(walk);
    const struct suit_version *own;
    struct suit_version wanted;
    struct cbor_reader inner;
    enum comparison comparison;

    (void)reader;
    if (walk->purpose == SUIT_CHECKING)
        return 0;
    if (!suit_has(row, VALUE_VERSION))
        return never_set(walk, "version was never set");
    if (!compares(walk))
        return 0;
    inner = cbor_reader_on(row->values[VALUE_VERSION].bytes, SUIT_RULES);
    cbor_read_array_of(&inner, 2);
    comparison = (enum comparison)cbor_read_uint(&inner);
    suit_read_version(&inner, &wanted); /* which it was when it was set */
    own = row->place == SUIT_NO_PLACE ? NULL : &walk->device->places[row->place].version;
    if (own == NULL || own->count == 0)
        return suit_refuse(walk, SUIT_REFUSED_CONDITION, "version is not known");
    return satisfies(comparison, suit_version_compare(own, &wanted))
               ? 0
               : suit_refuse(walk, SUIT_REFUSED_CONDITION, "version is not the one that is asked for");
}

/* ---- time, energy, consent ---- */

int suit_check_use_before(struct suit_walk *walk, struct cbor_reader *reader)
{
    const struct suit_row *row = suit_current(walk);

    (void)reader;
    if (walk->purpose == SUIT_CHECKING)
        return 0;
    if (!suit_has(row, VALUE_USE_BEFORE))
        return never_set(walk, "use-before was never set");
    if (!compares(walk))
        return 0;
    if (walk->device->unix_time_s == 0)
        return suit_refuse(walk, SUIT_REFUSED_CONDITION, "time is not known");
    return walk->device->unix_time_s < row->values[VALUE_USE_BEFORE].number
               ? 0
               : suit_refuse(walk, SUIT_REFUSED_CONDITION, "too late to use it");
}

int suit_check_battery(struct suit_walk *walk, struct cbor_reader *reader)
{
    const struct suit_row *row = suit_current(walk);

    (void)reader;
    if (walk->purpose == SUIT_CHECKING)
        return 0;
    if (!suit_has(row, VALUE_BATTERY))
        return never_set(walk, "minimum-battery was never set");
    if (!compares(walk))
        return 0;
    if (!walk->device->has_battery)
        return suit_refuse(walk, SUIT_REFUSED_CONDITION, "battery's level is not known");
    return walk->device->battery_percent >= row->values[VALUE_BATTERY].number
               ? 0
               : suit_refuse(walk, SUIT_REFUSED_CONDITION, "battery is too low");
}

int suit_check_authorized(struct suit_walk *walk, struct cbor_reader *reader)
{
    const struct suit_row *row = suit_current(walk);
    const struct suit_device *device = walk->device;
    int r;

    (void)reader;
    if (!compares(walk))
        return 0;
    if (device->update_authorised == NULL)
        return suit_refuse(walk, SUIT_REFUSED_CONDITION, "nobody can authorise an update");
    r = device->update_authorised(device->context,
                                  suit_has(row, VALUE_PRIORITY) ? row->values[VALUE_PRIORITY].integer : 0);
    return r > 0 ? suit_refuse(walk, r, "update is not authorised") : r;
}

/* ---- waiting ---- */

static void read_other_device(struct cbor_reader *reader, struct suit_wait *out)
{
    cbor_read_array_of(reader, 2);
    out->other_device = cbor_read_bytes(reader);
    if (!cbor_peek_is(reader, CBOR_ARRAY))
        cbor_refuse(reader, CBOR_UNEXPECTED);
    out->other_version = cbor_read_item(reader);
}

static void read_event(struct cbor_reader *reader, enum wait_event event, struct suit_wait *out)
{
    switch (event) {
    case WAIT_AUTHORIZATION:
        out->authorization = cbor_read_int(reader);
        break;
    case WAIT_POWER:
        out->power = cbor_read_int(reader);
        break;
    case WAIT_NETWORK:
        out->network = cbor_read_int(reader);
        break;
    case WAIT_OTHER_DEVICE:
        read_other_device(reader, out);
        break;
    case WAIT_TIME:
        out->time = cbor_read_uint(reader);
        break;
    case WAIT_TIME_OF_DAY:
        out->time_of_day = cbor_read_uint_max(reader, SECONDS_A_DAY - 1);
        break;
    case WAIT_DAY_OF_WEEK:
        out->day_of_week = cbor_read_uint_max(reader, 6);
        break;
    case WAIT_TIME_OF_DAY_UTC:
        out->time_of_day_utc = cbor_read_uint_max(reader, SECONDS_A_DAY - 1);
        break;
    case WAIT_DAY_OF_WEEK_UTC:
        out->day_of_week_utc = cbor_read_uint_max(reader, 6);
        break;
    }
}

int suit_read_wait(struct bytes encoded, struct suit_wait *out)
{
    struct cbor_reader reader = cbor_reader_on(encoded, SUIT_RULES);
    struct cbor_list pairs = cbor_read_map(&reader);
    struct suit_wait wait = { 0 };

    while (cbor_more(&reader, &pairs)) {
        uint64_t event = cbor_read_uint_max(&reader, WAIT_DAY_OF_WEEK_UTC);

        if (event == 0 || (wait.events >> event & 1) != 0)
            cbor_refuse(&reader, CBOR_MALFORMED);
        if (reader.refusal != 0)
            break;
        wait.events |= 1u << event;
        read_event(&reader, (enum wait_event)event, &wait);
    }
    *out = wait;
    return cbor_reader_finish(&reader) != 0 || wait.events == 0 ? SUIT_REFUSED_STRUCTURE : 0;
}

int suit_wait_for(struct suit_walk *walk, struct cbor_reader *reader)
{
    const struct suit_row *row = suit_current(walk);
    struct suit_wait wait;
    int r;

    (void)reader;
    if (!compares(walk))
        return 0;
    if (!suit_has(row, VALUE_WAIT))
        return suit_refuse_hard(walk, SUIT_REFUSED_STRUCTURE, "wait-info was never set");
    if (walk->actions != NULL && walk->actions->wait == NULL)
        return suit_refuse_hard(walk, SUIT_REFUSED_UNSUPPORTED, "directive wait");
    if (!suit_acts(walk))
        return 0;
    r = suit_read_wait(row->values[VALUE_WAIT].bytes, &wait);
    r = r != 0 ? r : walk->actions->wait(walk->actions->context, &wait);
    return r > 0 ? suit_refuse_hard(walk, r, "what is waited for cannot come") : r;
}
