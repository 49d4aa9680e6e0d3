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
#include "daemon/core/ports/store.h"
#include "daemon/core/texts.h"
#include "daemon/core/transaction.h"
#include "device_proto/policy_doc.h"

#define SCALE_DEFAULT         100
#define EPSILON_DEFAULT       "0.1"
#define CONTRIBUTIONS_DEFAULT 24
#define CONTRIBUTIONS_MAX     100000
#define INTERVAL_DEFAULT_MS   60000
#define INTERVAL_MAX_MS       (30LL * 86400000)
#define RETENTION_DEFAULT_MS  (7LL * 86400000)
#define RETENTION_MAX_MS      (3660LL * 86400000)
#define SUM_MAX               (1LL << 62)
/* On-board noise is cut off this many scales out, which chance reaches once in 10^8 readings. Cutting what was noised
 * costs no privacy. */
#define OUTPUT_SCALES 20

static int64_t magnitude(int64_t value)
{
    return value < 0 ? -value : value;
}

int64_t policy_sensitivity(const struct policy *policy)
{
    int64_t lower = magnitude(policy->lower);
    int64_t upper = magnitude(policy->upper);

    return lower > upper ? lower : upper;
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

    out->scale = order->scale != 0 ? order->scale : previous != NULL ? previous->scale : SCALE_DEFAULT;
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
    return 0;
}

static int policy_read(const struct core *core, const struct policy_order *order, const struct policy *previous,
                       struct policy *out, struct why *why)
{
    const char *epsilon = order->epsilon_per_reading != NULL ? order->epsilon_per_reading : EPSILON_DEFAULT;

    int r = lasting_read(order, previous, out, why);
    if (r != 0)
        return r;
    int digits = digits_of_scale(out->scale);
    r = bound_read(order->lower, "lower", digits, &out->lower, why);
    if (r == 0)
        r = bound_read(order->upper, "upper", digits, &out->upper, why);
    if (r != 0)
        return r;
    if (out->lower >= out->upper)
        return refuse(why, REFUSED_INVALID, "lower", NULL, "lower must be below upper");
    int64_t reading_ueps;
    if (fixed_parse(epsilon, 6, &reading_ueps) != 0 || reading_ueps < 1 || reading_ueps > RELEASE_UEPS_MAX)
        return refuse(why, REFUSED_INVALID, "epsilon", NULL,
                      "epsilon for each reading is a decimal from 0.000001 to %lld", RELEASE_UEPS_MAX / 1000000);
    out->reading = loss_of_pure(reading_ueps);
    r = range_read(order->contributions, CONTRIBUTIONS_DEFAULT, 1, CONTRIBUTIONS_MAX, "contributions",
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
    snprintf(out->unit, sizeof(out->unit), "device-epoch");
    snprintf(out->adjacency, sizeof(out->adjacency), "zero-out");
    snprintf(out->mechanism, sizeof(out->mechanism), "laplace");
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
    int64_t widest, most = 0;

    int r = widest_output(core, policy, &widest);
    if (r != 0)
        return r;
    if (widest < policy_sensitivity(policy) + output_bound)
        widest = policy_sensitivity(policy) + output_bound;
    if (!__builtin_add_overflow(policy_sensitivity(policy), widest, &most) &&
        !__builtin_mul_overflow(most, policy->contributions, &most) &&
        !__builtin_mul_overflow(most, COHORT_MAX, &most) && most < SUM_MAX)
        return 0;
    return refuse(
        why, REFUSED_INVALID, "contributions", "narrow the bounds, lower the scale, or let fewer readings count",
        "with these bounds and so many readings of each device, a sum over %d devices could overflow", COHORT_MAX);
}

static int document_make(const struct core *core, struct policy *policy, struct why *why)
{
    struct noise_scale scale;

    if (noise_scale_of(policy_sensitivity(policy), policy->reading.ueps, UINT32_MAX, &scale) != 0)
        return refuse(why, REFUSED_INVALID, "epsilon", "raise epsilon or lower the scale",
                      "so small an epsilon needs more noise than devices can count");
    uint64_t output_bound = (scale.num + scale.den - 1) / scale.den * OUTPUT_SCALES;
    if (output_bound > POLICY_STEPS_MAX)
        output_bound = POLICY_STEPS_MAX;
    int r = sums_fit(core, policy, (int64_t)output_bound, why);
    if (r != 0)
        return r;
    struct noise_policy document = {
        .sensor = bytes_of_text(policy->sensor),
        .version = (uint32_t)policy->version,
        .unit = POLICY_DEVICE_EPOCH,
        .epoch_s = (uint32_t)(policy->epoch_ms / 1000),
        .adjacency = POLICY_ZERO_OUT,
        .lower = policy->lower,
        .upper = policy->upper,
        .scale = (uint32_t)policy->scale,
        .unit_text = bytes_of_text(policy->unit_text),
        .mechanism = POLICY_DISCRETE_LAPLACE,
        .micro_epsilon = (uint64_t)policy->reading.ueps,
        .parameter_num = (uint32_t)scale.num,
        .parameter_den = (uint32_t)scale.den,
        .contributions = (uint32_t)policy->contributions,
        .interval_s = (uint32_t)(policy->interval_ms / 1000),
        .output_bound = (int64_t)output_bound,
    };
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
    fixed_format(policy->reading.ueps, 6, text);
    detail_text(&detail, "epsilon_per_reading", text);
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
        r = document_make(core, out, why);
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
