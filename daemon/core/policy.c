/* policy.c - the signed noise policy of a sensor.
 *
 * One policy says everything that a sensor's readings may be used for: the bounds they are clamped to, how many of them
 * one device may give in one epoch, and how much noise hides the rest. From it follow the sensitivity of every answer
 * and the noise that devices add by themselves, so nothing of it is ever changed: a new version follows, and the fixed
 * point and the unit stay for the sensor's life, because readings of two kinds must never meet in one sum. */
#include "daemon/core/policy.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "daemon/base/text.h"
#include "daemon/core/access.h"
#include "daemon/core/accuracy.h"
#include "daemon/core/audit.h"
#include "daemon/core/budget.h"
#include "daemon/core/manifest.h"
#include "daemon/core/policy_mechanism.h"
#include "daemon/core/ports/store.h"
#include "daemon/core/texts.h"
#include "daemon/core/transaction.h"
#include "device_proto/noise.h"
#include "device_proto/policy_doc.h"
#include "device_proto/vector.h"

#define SCALE_DEFAULT         100
#define CONTRIBUTIONS_DEFAULT 24
#define CONTRIBUTIONS_MAX     100000
#define INTERVAL_DEFAULT_MS   60000
/* A device's vectors of one epoch are kept in full: a mebibyte of them at most. */
#define VECTOR_CONTRIBUTIONS_MAX 64
#define INTERVAL_MAX_MS          (30LL * 86400000)
#define RETENTION_DEFAULT_MS     (7LL * 86400000)
#define RETENTION_MAX_MS         (3660LL * 86400000)

#define WORDS_OF(words) (sizeof(words) / sizeof((words)[0]))

static const char *const units[] = {
    [POLICY_DEVICE] = "device", [POLICY_DEVICE_EPOCH] = "device-epoch", [POLICY_EVENT] = "event"
};
static const char *const adjacencies[] = { [POLICY_ZERO_OUT] = "zero-out", [POLICY_REPLACE] = "replace" };

/* The index of a word; 0: none of them. */
static unsigned word_of(const char *const *words, size_t count, const char *word)
{
    for (unsigned i = 1; i < count; i++)
        if (strcmp(words[i], word) == 0)
            return i;
    return 0;
}

static int64_t magnitude(int64_t value)
{
    return value < 0 ? -value : value;
}

int64_t policy_sensitivity(const struct policy *policy)
{
    int64_t lower = magnitude(policy->lower);
    int64_t upper = magnitude(policy->upper);
    int64_t most = lower > upper ? lower : upper;

    if (strcmp(policy->adjacency, "replace") == 0 && policy->upper - policy->lower > most)
        most = policy->upper - policy->lower;
    return most;
}

static int bound_read(const char *text, const char *where, int digits, int64_t *out, struct why *why)
{
    if (text == NULL || fixed_parse(text, digits, out) != 0)
        return refuse(why, REFUSED_INVALID, where, "give a decimal like \"-20\" or \"60.5\"",
                      "%s is no decimal number with at most %d digits behind the point", where, digits);
    if (magnitude(*out) > POLICY_STEPS_MAX)
        return refuse(why, REFUSED_INVALID, where, "use a smaller scale",
                      "%s is beyond what 32 bits hold at this scale", where);
    return 0;
}

static int range_read(int64_t given, int64_t standard, int64_t least, int64_t most, const char *where, int64_t *out,
                      struct why *why)
{
    *out = given != 0 ? given : standard;
    if (*out < least || *out > most)
        return refuse(why, REFUSED_INVALID, where, NULL, "%s must be between %lld and %lld", where, (long long)least,
                      (long long)most);
    return 0;
}

/* What stays for a sensor's life; previous is NULL for its first version. */
static int lasting_read(const struct policy_order *order, const struct policy *previous, struct policy *out,
                        struct why *why)
{
    const char *unit_text = order->unit_text != NULL ? order->unit_text : previous != NULL ? previous->unit_text : "";

    out->dimension = order->dimension != 0 || previous == NULL ? order->dimension : previous->dimension;
    if (out->dimension < 0 || out->dimension > VECTOR_DIMENSION_MAX)
        return refuse(why, REFUSED_INVALID, "dimension", NULL, "a vector has 1 to %u coordinates",
                      VECTOR_DIMENSION_MAX);
    out->scale = order->scale != 0     ? order->scale
                 : previous != NULL    ? previous->scale
                 : out->dimension != 0 ? 1
                                       : SCALE_DEFAULT;
    if (digits_of_scale(out->scale) < 0)
        return refuse(why, REFUSED_INVALID, "scale", NULL, "the scale must be a power of ten from 1 to 1000000");
    if (text_copy(out->unit_text, sizeof(out->unit_text), unit_text) != 0)
        return refuse(why, REFUSED_INVALID, "unit", NULL, "a unit has at most %d characters",
                      (int)sizeof(out->unit_text) - 1);
    if (previous != NULL && (out->scale != previous->scale || strcmp(out->unit_text, previous->unit_text) != 0))
        return refuse(
            why, REFUSED_CONFLICT, "sensor", "use another sensor name",
            "sensor %s has the scale %lld and the unit \"%s\" for good: readings of two kinds must not meet in one sum",
            previous->sensor, (long long)previous->scale, previous->unit_text);
    if (previous != NULL && out->dimension != previous->dimension)
        return refuse(why, REFUSED_CONFLICT, "sensor", "use another sensor name",
                      "readings of sensor %s are %s for good", previous->sensor,
                      previous->dimension == 0 ? "numbers" : "vectors of the dimension that it has");
    return 0;
}

/* What each reading is clamped to, or a vector's norm. */
static int bounds_read(const struct policy_order *order, struct policy *out, struct why *why)
{
    const int digits = digits_of_scale(out->scale);

    if (out->dimension == 0 && order->norm != NULL)
        return refuse(why, REFUSED_INVALID, "norm", "give lower and upper; or --dimension", "numbers have no norm");
    if (out->dimension == 0) {
        int r = bound_read(order->lower, "lower", digits, &out->lower, why);
        if (r == 0)
            r = bound_read(order->upper, "upper", digits, &out->upper, why);
        return r;
    }
    if (order->lower != NULL || order->upper != NULL)
        return refuse(why, REFUSED_INVALID, order->lower != NULL ? "lower" : "upper", "give the norm instead",
                      "vectors are bounded by their L2 norm");
    int r = bound_read(order->norm, "norm", digits, &out->upper, why);
    if (r == 0 && out->upper < 1)
        return refuse(why, REFUSED_INVALID, "norm", NULL, "a norm is above 0");
    out->lower = -out->upper;
    return r;
}

/* Who is protected, and against what. */
static int promise_read(const struct core *core, const struct policy_order *order, struct policy *out, struct why *why)
{
    const char *unit = order->unit != NULL ? order->unit : units[POLICY_DEVICE_EPOCH];
    const char *adjacency = order->adjacency != NULL ? order->adjacency : adjacencies[POLICY_ZERO_OUT];

    if (word_of(units, WORDS_OF(units), unit) == 0)
        return refuse(why, REFUSED_INVALID, "privacy_unit", NULL,
                      "the unit of privacy is device, device-epoch or event");
    if (word_of(adjacencies, WORDS_OF(adjacencies), adjacency) == 0)
        return refuse(why, REFUSED_INVALID, "adjacency", NULL, "adjacency is zero-out or replace");
    if ((strcmp(unit, units[POLICY_EVENT]) == 0) != (order->event_level != 0))
        return refuse(why, REFUSED_INVALID, "event_level", "say both or neither: --privacy-unit event --event-level",
                      "the unit event protects single readings and no device: it must be asked for expressly");
    if (strcmp(unit, units[POLICY_DEVICE]) == 0 && core->settings.life_cap.ueps == 0)
        return refuse(why, REFUSED_CONFLICT, "privacy_unit", "give the daemon a lifetime cap, or use device-epoch",
                      "a device is protected for its whole life only where what it may lose in it has a cap");
    snprintf(out->unit, sizeof(out->unit), "%s", unit);
    snprintf(out->adjacency, sizeof(out->adjacency), "%s", adjacency);
    return 0;
}

static int policy_read(const struct core *core, const struct policy_order *order, const struct policy *previous,
                       struct policy *out, struct why *why)
{
    int r = lasting_read(order, previous, out, why);
    if (r != 0)
        return r;
    r = bounds_read(order, out, why);
    if (r != 0)
        return r;
    if (out->lower >= out->upper)
        return refuse(why, REFUSED_INVALID, "lower", NULL, "lower must be below upper");
    r = promise_read(core, order, out, why);
    if (r != 0)
        return r;
    r = range_read(order->contributions, out->dimension != 0 ? 1 : CONTRIBUTIONS_DEFAULT, 1,
                   out->dimension != 0 ? VECTOR_CONTRIBUTIONS_MAX : CONTRIBUTIONS_MAX, "contributions",
                   &out->contributions, why);
    if (r == 0)
        r = range_read(order->interval_ms, INTERVAL_DEFAULT_MS, 1000, INTERVAL_MAX_MS, "interval", &out->interval_ms,
                       why);
    if (r == 0)
        r = range_read(order->retention_ms, RETENTION_DEFAULT_MS, 1000, RETENTION_MAX_MS, "retention",
                       &out->retention_ms, why);
    if (r != 0)
        return r;
    if (out->interval_ms % 1000 != 0 || core->settings.epoch_ms % 1000 != 0)
        return refuse(why, REFUSED_INVALID, "interval", NULL, "devices count intervals and epochs in whole seconds");
    out->epoch_ms = core->settings.epoch_ms;
    return 0;
}

/* The largest absolute value that a noised reading may have under any version so far: their readings may still be there
 * and meet in one sum. */
static int widest_output(const struct core *core, const struct policy *policy, int64_t *out)
{
    struct noise_policy document;
    struct policy earlier;

    *out = 0;
    for (int64_t version = 1; version < policy->version; version++) {
        int r = core->store->policy_version(core->store, policy->sensor, version, &earlier);
        if (r == 0)
            r = policy_doc_parse(bytes_view(earlier.document, earlier.document_size), &document);
        if (r != 0)
            return r > 0 ? -EBADMSG : r;
        int64_t widest = policy_sensitivity(&earlier) + document.output_bound; /* both within 32 bits */
        if (widest > *out)
            *out = widest;
    }
    return 0;
}

/* No sum over the largest cohort may come near int64, whatever devices send within their bounds: so many raw readings
 * of each, and so many noised ones. */
static int sums_fit(const struct core *core, const struct policy *policy, int64_t output_bound, struct why *why)
{
    int64_t widest, most;

    int r = widest_output(core, policy, &widest);
    if (r != 0)
        return r;
    if (widest < policy_sensitivity(policy) + output_bound)
        widest = policy_sensitivity(policy) + output_bound;
    most = policy_sensitivity(policy) + widest; /* both within 33 bits */
    if (noise_bounds_check(-most, most, (uint64_t)policy->contributions * COHORT_MAX) == 0)
        return 0;
    return refuse(
        why, REFUSED_INVALID, "contributions", "narrow the bounds, lower the scale, or let fewer readings count",
        "with these bounds and so many readings of each device, a sum over %d devices could overflow", COHORT_MAX);
}

/* Noise with a delta is refused by every filter that allows none: said here, not with each pack. */
static int delta_fits(const struct core *core, const struct policy *policy, struct why *why)
{
    char delta[32];

    if (policy->reading.delta <= core->settings.filter_cap.delta / policy->contributions)
        return 0;
    delta_format(policy->reading.delta, delta);
    return refuse(why, REFUSED_CONFLICT, "mechanism", "use laplace, or let the filters have a delta",
                  "each reading costs a delta of %s, and the filters of devices do not allow %lld of them in an epoch",
                  delta, (long long)policy->contributions);
}

static int document_make(const struct core *core, const struct policy_order *order, struct policy *policy,
                         struct why *why)
{
    struct noise_policy document = {
        .sensor = bytes_of_text(policy->sensor),
        .version = (uint32_t)policy->version,
        .unit = (enum policy_unit)word_of(units, WORDS_OF(units), policy->unit),
        .epoch_s = (uint32_t)(policy->epoch_ms / 1000),
        .adjacency = (enum policy_adjacency)word_of(adjacencies, WORDS_OF(adjacencies), policy->adjacency),
        .lower = policy->lower,
        .upper = policy->upper,
        .scale = (uint32_t)policy->scale,
        .unit_text = bytes_of_text(policy->unit_text),
        .contributions = (uint32_t)policy->contributions,
        .interval_s = (uint32_t)(policy->interval_ms / 1000),
        .dimension = (uint32_t)policy->dimension,
    };

    int r = policy_mechanism_read(order, &document, policy, why);
    if (r == 0)
        r = sums_fit(core, policy, document.output_bound, why);
    if (r == 0)
        r = delta_fits(core, policy, why);
    if (r != 0)
        return r;
    r = policy_doc_write(&document, (struct bytes){ 0 }, core->maintainer, policy->document, sizeof(policy->document),
                         &policy->document_size);
    if (r > 0)
        return refuse(why, REFUSED_INVALID, "policy", NULL, "no policy for devices can be made of this: %s",
                      policy_refusal_text(r));
    return r;
}

static int policy_audit(struct core *core, const struct caller *caller, const struct policy *policy)
{
    struct detail detail = DETAIL;
    char subject[96], text[32];
    int digits = digits_of_scale(policy->scale);

    snprintf(subject, sizeof(subject), "policy:%s/%lld", policy->sensor, (long long)policy->version);
    fixed_format(policy->lower, digits, text);
    detail_text(&detail, "lower", text);
    fixed_format(policy->upper, digits, text);
    detail_text(&detail, "upper", text);
    if (policy->dimension > 0)
        detail_number(&detail, "dimension", policy->dimension);
    fixed_format(policy->reading.ueps, 6, text);
    detail_text(&detail, "epsilon_per_reading", text);
    detail_text(&detail, "mechanism", policy->mechanism);
    detail_text(&detail, "unit", policy->unit);
    detail_text(&detail, "adjacency", policy->adjacency);
    detail_number(&detail, "contributions", policy->contributions);
    detail_number(&detail, "retention_ms", policy->retention_ms);
    return audit_append(core, caller, "policy.set", subject, 0, detail_end(&detail));
}

static int policy_make(struct core *core, const struct caller *caller, const struct policy_order *order,
                       struct policy *out, struct why *why)
{
    struct store *store = core->store;
    struct policy previous;

    int r = store->policy_newest(store, order->sensor, &previous);
    if (r != 0 && r != REFUSED_UNKNOWN)
        return r;
    bool is_first = r == REFUSED_UNKNOWN;
    if (!is_first && previous.version >= UINT32_MAX)
        return refuse(why, REFUSED_INVALID, "sensor", NULL, "sensor %s has no version number left", order->sensor);
    out->version = is_first ? 1 : previous.version + 1;
    r = policy_read(core, order, is_first ? NULL : &previous, out, why);
    if (r == 0)
        r = document_make(core, order, out, why);
    if (r == 0)
        r = ledger_now_ms(core, &out->created_ms);
    if (r == 0)
        r = store->policy_insert(store, out);
    if (r != 0)
        return r;
    return policy_audit(core, caller, out);
}

int policy_set(struct core *core, const struct caller *caller, const struct policy_order *order, struct policy *out,
               struct why *why)
{
    struct policy policy = { 0 };

    int r = access_check(caller, CAN_SET_POLICY, why);
    if (r != 0)
        return r;
    if (order->sensor == NULL || !name_is_valid(order->sensor))
        return refuse(why, REFUSED_INVALID, "sensor", NULL, "a sensor's name has 1 to 63 characters of a-z 0-9 . - _");
    if (core->maintainer == NULL)
        return refuse(why, REFUSED_CONFLICT, "policy", "give the daemon the maintainer's key",
                      "there is no key to sign with, and devices obey signed policies only");
    r = manifest_key_left(core, why);
    if (r != 0)
        return r;
    snprintf(policy.sensor, sizeof(policy.sensor), "%s", order->sensor);
    r = core->store->begin(core->store);
    if (r != 0)
        return r;
    r = transaction_end(core, policy_make(core, caller, order, &policy, why));
    if (r == 0)
        *out = policy;
    return r;
}

int policy_get(struct core *core, const struct caller *caller, const char *sensor, struct policy *out, struct why *why)
{
    int r = access_check(caller, CAN_SEE_POLICY, why);

    if (r != 0)
        return r;
    r = core->store->policy_newest(core->store, sensor, out);
    if (r == REFUSED_UNKNOWN)
        return refuse(why, REFUSED_UNKNOWN, "sensor", "set one: tinypartctl policy set",
                      "there is no policy for a sensor of that name");
    return r;
}

int policy_list(struct core *core, const struct caller *caller, struct page page,
                int (*each)(void *context, const struct policy *policy), void *context, struct why *why)
{
    int r = access_check(caller, CAN_SEE_POLICY, why);

    return r != 0 ? r : core->store->policy_each(core->store, page, each, context);
}

int policy_document(struct core *core, const char *sensor, struct policy *out)
{
    return core->store->policy_newest(core->store, sensor, out);
}
