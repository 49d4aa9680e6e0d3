/* export_count.c - the ledger of an export counted again: what its charges add up to, against what it says is spent. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cli/ledger_export.h"
#include "daemon/base/loss.h"
#include "daemon/base/text.h"
#include "daemon/crypto_openssl/crypto_openssl.h"
#include "device_proto/cbor.h"

enum scope { FILTER, ODOMETER, BUDGET, RELEASE, SCOPES };
enum { DEVICES = 64 };

/* What 64 devices lost of an epoch; of a budget or a release, the first of them alone. */
struct place {
    enum scope scope;
    int64_t epoch, who; /* chunk, tenant or release */
    struct loss said[DEVICES], counted[DEVICES];
};

struct count {
    struct place **places; /* by hash; NULL: free */
    size_t capacity, used;
    json_t *cohorts, *caps, *payers; /* by id, by epoch, by release: what series of running counts it was charged for */
    json_int_t charges, cohort_count, releases, recorded, of_scope[SCOPES];
    int64_t entries;
    uint8_t head[DIGEST_SIZE];
    char detail[200]; /* what differs; "": nothing */
};

static void differs(struct count *count, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void differs(struct count *count, const char *format, ...)
{
    va_list arguments;

    if (count->detail[0] != '\0')
        return;
    va_start(arguments, format);
    vsnprintf(count->detail, sizeof(count->detail), format, arguments);
    va_end(arguments);
}

/* ---- places ---- */

static size_t place_slot(const struct count *count, enum scope scope, int64_t epoch, int64_t who)
{
    uint64_t hash = ((uint64_t)epoch * 31 + (uint64_t)who) * 31 + scope;
    size_t at = (size_t)((hash * UINT64_C(0x9e3779b97f4a7c15)) >> 20) % count->capacity;

    while (count->places[at] != NULL &&
           (count->places[at]->scope != scope || count->places[at]->epoch != epoch || count->places[at]->who != who))
        at = (at + 1) % count->capacity;
    return at;
}

static int places_grow(struct count *count)
{
    struct count grown = { .capacity = count->capacity == 0 ? 1024 : count->capacity * 2 };

    if (count->used * 2 < count->capacity)
        return 0;
    grown.places = calloc(grown.capacity, sizeof(struct place *));
    if (grown.places == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < count->capacity; i++) {
        struct place *place = count->places[i];
        if (place != NULL)
            grown.places[place_slot(&grown, place->scope, place->epoch, place->who)] = place;
    }
    free(count->places);
    count->places = grown.places;
    count->capacity = grown.capacity;
    return 0;
}

static struct place *place_of(struct count *count, enum scope scope, int64_t epoch, int64_t who)
{
    if (places_grow(count) != 0)
        return NULL;
    struct place **slot = &count->places[place_slot(count, scope, epoch, who)];
    if (*slot == NULL) {
        *slot = calloc(1, sizeof(**slot));
        if (*slot == NULL)
            return NULL;
        **slot = (struct place){ .scope = scope, .epoch = epoch, .who = who };
        count->used++;
    }
    return *slot;
}

/* ---- lines ---- */

static int64_t number(const json_t *line, const char *member)
{
    return json_integer_value(json_object_get(line, member));
}

/* [ueps, nrho, delta, impure], from an index on. */
static struct loss loss_at(const json_t *list, size_t from)
{
    return (struct loss){ .ueps = json_integer_value(json_array_get(list, from)),
                          .nrho = json_integer_value(json_array_get(list, from + 1)),
                          .delta = json_integer_value(json_array_get(list, from + 2)),
                          .impure = json_is_true(json_array_get(list, from + 3)) };
}

static bool same(const struct loss *a, const struct loss *b)
{
    return a->ueps == b->ueps && a->nrho == b->nrho && a->delta == b->delta && a->impure == b->impure;
}

static int take_said(struct count *count, enum scope scope, const json_t *line, int64_t epoch, int64_t who)
{
    struct place *place = place_of(count, scope, epoch, who);
    size_t i;
    json_t *cell;

    if (place == NULL)
        return -ENOMEM;
    if (scope == BUDGET || scope == RELEASE)
        place->said[0] = loss_at(json_object_get(line, scope == BUDGET ? "spent" : "loss"), 0);
    json_array_foreach(json_object_get(line, "lost"), i, cell)
        place->said[json_integer_value(json_array_get(cell, 0)) & (DEVICES - 1)] = loss_at(cell, 1);
    return 0;
}

static int add(struct count *count, enum scope scope, int64_t epoch, int64_t who, uint64_t devices,
               const struct loss *loss)
{
    struct place *place = place_of(count, scope, epoch, who);

    if (place == NULL)
        return -ENOMEM;
    for (; devices != 0; devices &= devices - 1)
        loss_add(&place->counted[__builtin_ctzll(devices)], loss);
    return 0;
}

static int add_devices(struct count *count, int64_t epoch, int64_t chunk, uint64_t devices, const struct loss *loss)
{
    int r = add(count, FILTER, epoch, chunk, devices, loss);

    return r != 0 ? r : add(count, ODOMETER, 0, chunk, devices, loss);
}

static int take_cohort_charge(struct count *count, const json_t *line, const struct loss *loss)
{
    char id[24];
    size_t i;
    json_t *member;

    snprintf(id, sizeof(id), "%lld", (long long)number(line, "cohort_id"));
    json_t *members = json_object_get(count->cohorts, id);
    if (members == NULL)
        differs(count, "charge %lld names a set of devices that is not there", (long long)number(line, "id"));
    json_array_foreach(members, i, member)
    {
        const char *bits = json_string_value(json_array_get(member, 1));
        int r = add_devices(count, number(line, "epoch"), json_integer_value(json_array_get(member, 0)),
                            bits != NULL ? strtoull(bits, NULL, 16) : 0, loss);
        if (r != 0)
            return r;
    }
    return 0;
}

/* A release charges its loss in each epoch of its window: each charge has to be that loss. */
static int take_release_charge(struct count *count, const json_t *line, const struct loss *loss)
{
    struct place *place = place_of(count, RELEASE, 0, number(line, "cause_id"));

    if (place == NULL)
        return -ENOMEM;
    if (place->counted[0].nrho != 0 && !same(&place->counted[0], loss))
        differs(count, "release %lld was charged two different losses", (long long)place->who);
    place->counted[0] = *loss;
    return 0;
}

static int take_charge(struct count *count, const json_t *line)
{
    struct loss loss = loss_at(json_object_get(line, "loss"), 0);
    const char *cause = json_string_value(json_object_get(line, "cause"));
    int64_t tenant = number(line, "tenant_id"), device = number(line, "device_id");
    int r = 0;

    count->charges++;
    if (cause != NULL && strcmp(cause, "release") == 0)
        r = take_release_charge(count, line, &loss);
    if (r == 0 && tenant != 0)
        r = add(count, BUDGET, number(line, "epoch"), tenant, 1, &loss);
    if (r == 0 && device > 0)
        r = add_devices(count, number(line, "epoch"), device / DEVICES, UINT64_C(1) << device % DEVICES, &loss);
    if (r == 0 && number(line, "cohort_id") != 0)
        r = take_cohort_charge(count, line, &loss);
    return r;
}

/* ---- the record ---- */

static const char *text(const json_t *line, const char *member)
{
    const char *value = json_string_value(json_object_get(line, member));

    return value != NULL ? value : "";
}

/* SHA-256(previous || canonical CBOR of the entry), as the daemon makes it. */
static int entry_hash(const struct count *count, const json_t *line, uint8_t out[DIGEST_SIZE])
{
    uint8_t image[2048];
    struct proto_crypto crypto;
    size_t size = 0;

    memcpy(image, count->head, DIGEST_SIZE);
    struct cbor_writer writer = cbor_writer_on(image + DIGEST_SIZE, sizeof(image) - DIGEST_SIZE);
    cbor_write_array(&writer, 7);
    cbor_write_int(&writer, number(line, "sequence"));
    cbor_write_int(&writer, number(line, "at_ms"));
    cbor_write_text_of(&writer, text(line, "actor"));
    cbor_write_text_of(&writer, text(line, "action"));
    cbor_write_text_of(&writer, text(line, "subject"));
    cbor_write_int(&writer, number(line, "tenant_id"));
    cbor_write_text_of(&writer, text(line, "detail"));
    if (cbor_writer_finish(&writer, &size) != 0)
        return -E2BIG;
    crypto_openssl_proto(&crypto);
    return crypto.sha256(crypto.context, bytes_view(image, DIGEST_SIZE + size), out);
}

static int take_entry(struct count *count, const json_t *line)
{
    char hex[2 * DIGEST_SIZE + 1];
    int64_t sequence = number(line, "sequence");
    uint8_t hash[DIGEST_SIZE];

    if (sequence != count->entries + 1)
        differs(count, "entry %lld of the record is missing", (long long)count->entries + 1);
    int r = entry_hash(count, line, hash);
    if (r != 0)
        return r;
    hex_encode(bytes_view(hash, sizeof(hash)), hex);
    if (strcmp(hex, text(line, "hash")) != 0)
        differs(count, "entry %lld of the record was changed, or does not follow the one before it",
                (long long)sequence);
    count->recorded += strcmp(text(line, "action"), "release.create") == 0;
    count->entries = sequence;
    memcpy(count->head, hash, sizeof(hash));
    return 0;
}

/* ---- all of it ---- */

static int remember(json_t *map, int64_t id, json_t *value)
{
    char key[24];

    snprintf(key, sizeof(key), "%lld", (long long)id);
    return json_object_set(map, key, value) != 0 ? -ENOMEM : 0;
}

/* What all answers of a series of running counts have in common, and no other has. */
static json_t *series_of(const json_t *line, const json_t *answer)
{
    static const char *const members[] = { "tenant_id",  "query",     "sensor",        "selector",
                                           "parameters", "mechanism", "policy_version" };
    json_t *series = json_array();

    for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++)
        json_array_append(series, json_object_get(line, members[i]));
    json_array_append(series, json_object_get(answer, "from"));
    return series;
}

/* What cost nothing is a running count, of a series that a release before it was charged for. */
static int take_release(struct count *count, const json_t *line)
{
    const bool is_running = strcmp(text(line, "query"), "running-count") == 0;
    const int64_t id = number(line, "id");
    const bool is_free = loss_at(json_object_get(line, "loss"), 0).nrho == 0;
    char paid_by[24];

    count->releases++;
    int r = take_said(count, RELEASE, line, 0, id);
    if (r != 0 || (!is_running && !is_free))
        return r;
    json_t *answer = json_loads(text(line, "answer"), JSON_REJECT_DUPLICATES, NULL);
    json_t *series = series_of(line, answer);
    snprintf(paid_by, sizeof(paid_by), "%lld", (long long)number(answer, "paid_by"));
    if (!is_free)
        r = remember(count->payers, id, series);
    else if (!is_running || !json_equal(json_object_get(count->payers, paid_by), series))
        differs(count, "release %lld cost nothing, and nothing before it paid for it", (long long)id);
    json_decref(series);
    json_decref(answer);
    return r;
}

static int take_line(struct count *count, const json_t *line)
{
    const char *kind = text(line, "kind");

    if (strcmp(kind, "charge") == 0)
        return take_charge(count, line);
    if (strcmp(kind, "audit") == 0)
        return take_entry(count, line);
    if (strcmp(kind, "filter") == 0)
        return take_said(count, FILTER, line, number(line, "epoch"), number(line, "chunk"));
    if (strcmp(kind, "odometer") == 0)
        return take_said(count, ODOMETER, line, 0, number(line, "chunk"));
    if (strcmp(kind, "budget") == 0)
        return take_said(count, BUDGET, line, number(line, "epoch"), number(line, "tenant_id"));
    if (strcmp(kind, "release") == 0)
        return take_release(count, line);
    if (strcmp(kind, "filter_cap") == 0)
        return remember(count->caps, number(line, "epoch"), json_object_get(line, "cap"));
    if (strcmp(kind, "cohort") == 0) {
        count->cohort_count++;
        return remember(count->cohorts, number(line, "id"), json_object_get(line, "members"));
    }
    return 0; /* terms, policies, the statement: nothing to count */
}

static void cap_hold(struct count *count, const struct place *place, unsigned slot)
{
    char key[24];

    snprintf(key, sizeof(key), "%lld", (long long)place->epoch);
    const json_t *list = json_object_get(count->caps, key);
    struct loss cap = loss_at(list, 0);
    const struct loss *spent = &place->said[slot];
    if (spent->ueps > cap.ueps || spent->nrho > cap.nrho || spent->delta > cap.delta)
        differs(count, "the filter of the device with id %lld in epoch %lld is above its cap",
                (long long)place->who * DEVICES + slot, (long long)place->epoch);
}

static void place_hold(struct count *count, const struct place *place)
{
    static const char *const names[] = { "filter of the device with id", "odometer of the device with id",
                                         "budget of the tenant with id", "release" };
    const bool is_devices = place->scope == FILTER || place->scope == ODOMETER;

    if (!is_devices)
        count->of_scope[place->scope]++;
    for (unsigned i = 0; i < (is_devices ? DEVICES : 1); i++) {
        if (!same(&place->said[i], &place->counted[i]))
            differs(count, "the %s %lld in epoch %lld differs from the sum of its charges", names[place->scope],
                    (long long)(is_devices ? place->who * DEVICES + i : place->who), (long long)place->epoch);
        if (is_devices && place->said[i].nrho > 0)
            count->of_scope[place->scope]++;
        if (place->scope == FILTER)
            cap_hold(count, place, i);
    }
}

static json_t *verdict_of(const struct count *count)
{
    char head[2 * DIGEST_SIZE + 1];

    hex_encode(bytes_view(count->head, sizeof(count->head)), head);
    return json_pack("{s:b,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:s,s:s*}", "holds", count->detail[0] == '\0', "charges",
                     count->charges, "cohorts", count->cohort_count, "budgets", count->of_scope[BUDGET], "filters",
                     count->of_scope[FILTER], "odometers", count->of_scope[ODOMETER], "releases", count->releases,
                     "audit_entries", (json_int_t)count->entries, "audit_head", head, "detail",
                     count->detail[0] != '\0' ? count->detail : NULL);
}

static int lines_take(struct count *count, struct bytes file)
{
    int r = 0;

    for (size_t at = 0; r == 0 && at < file.size;) {
        const uint8_t *newline = memchr(file.data + at, '\n', file.size - at);
        size_t end = newline != NULL ? (size_t)(newline - file.data) : file.size;
        json_t *line = json_loadb((const char *)file.data + at, end - at, JSON_REJECT_DUPLICATES, NULL);
        if (line == NULL)
            differs(count, "a line at byte %zu is no JSON", at);
        else
            r = take_line(count, line);
        json_decref(line);
        at = end + 1;
    }
    return r;
}

int export_count(struct bytes file, json_t **out_verdict)
{
    struct count count = { .cohorts = json_object(), .caps = json_object(), .payers = json_object() };

    int r = lines_take(&count, file);
    for (size_t i = 0; r == 0 && i < count.capacity; i++)
        if (count.places[i] != NULL)
            place_hold(&count, count.places[i]);
    if (r == 0 && count.recorded != count.releases)
        differs(&count, "the record has %lld releases, the ledger %lld", (long long)count.recorded,
                (long long)count.releases);
    if (r == 0) {
        *out_verdict = verdict_of(&count);
        r = *out_verdict == NULL ? -ENOMEM : 0;
    }
    for (size_t i = 0; i < count.capacity; i++)
        free(count.places[i]);
    free(count.places);
    json_decref(count.cohorts);
    json_decref(count.caps);
    json_decref(count.payers);
    return r;
}
