/* audit.c - which events are looked at, what they should come to, and what their counts prove. */
#include "cli/audit.h"

#include <math.h>
#include <string.h>

#include "cli/statistics.h"
#include "device_proto/privacy_loss.h"

#define TWO_64 18446744073709551616.0

enum { TAILS = 12, CATEGORIES_SEEN = 20, EXPECTED_LEAST = 40, NAME_SIZE = 64 };

/* ---- the claimed law ---- */

/* P(Z >= a) of the noise. */
static double at_least(const struct sampler *sampler, int64_t a)
{
    uint64_t tail = 0;
    uint64_t from = (uint64_t)(a >= 1 ? a : 1 - a);

    if (sampler->mechanism == MECHANISM_GAUSSIAN)
        (void)privacy_gauss_tail(sampler->num, sampler->den, from, &tail);
    else
        (void)privacy_laplace_tail(sampler->num, sampler->den, from, &tail);
    return a >= 1 ? (double)tail / TWO_64 / 2 : 1 - (double)tail / TWO_64 / 2;
}

static double law_added(const struct audit *audit, const struct audit_event *event, int64_t input)
{
    int64_t at = (int64_t)event->at;

    switch (event->kind) {
    case EVENT_AT_MOST:
        return 1 - at_least(audit->sampler, at - input + 1);
    case EVENT_AT_LEAST:
        return at_least(audit->sampler, at - input);
    case EVENT_EQUAL:
        return at_least(audit->sampler, at - input) - at_least(audit->sampler, at - input + 1);
    case EVENT_FAR:
        return 2 * at_least(audit->sampler, at);
    case EVENT_NOT_WHOLE:
    case EVENT_OFF_LATTICE:
    case EVENT_BITS:
        break;
    }
    return 0;
}

static double law_response(const struct audit *audit, const struct audit_event *event, int64_t input)
{
    const struct sampler *sampler = audit->sampler;
    double truth = (double)sampler->num;
    double lie = (double)sampler->den;
    double p = 1;

    if (event->kind == EVENT_NOT_WHOLE || event->kind == EVENT_OFF_LATTICE)
        return 0;
    if (sampler->mechanism == MECHANISM_KRR)
        return (event->at == (double)input ? truth : lie) / (truth + lie * (sampler->categories - 1.));
    if (sampler->mechanism == MECHANISM_ONEBIT) {
        p = (lie + (double)input / sampler->span * (truth - lie)) / (truth + lie);
        return event->at == 1 ? p : 1 - p;
    }
    for (unsigned i = 0; i < sampler->categories; i++) {
        double one = i == input ? .5 : lie / (truth + lie);
        p *= (event->set >> i & 1) != 0 ? one : (event->clear >> i & 1) != 0 ? 1 - one : 1;
    }
    return p;
}

/* ---- which events ---- */

static struct audit_event *add(struct audit *audit, struct audit_event event)
{
    struct audit_event *made = &audit->event[audit->events];

    *made = event; /* no mechanism has as many as AUDIT_EVENTS_MAX */
    made->epsilon = audit->epsilon;
    made->delta = audit->delta;
    for (unsigned side = 0; side < 2; side++)
        made->law[side] = sampler_adds(audit->sampler) ? law_added(audit, made, audit->inputs[side])
                                                       : law_response(audit, made, audit->inputs[side]);
    audit->events++;
    return made;
}

/* Twice the same would only cost power. */
static void add_at(struct audit *audit, enum event_kind kind, double at)
{
    for (size_t i = 0; i < audit->events; i++)
        if (audit->event[i].kind == kind && audit->event[i].at == at && audit->event[i].epsilon == audit->epsilon)
            return;
    add(audit, (struct audit_event){ .kind = kind, .at = at });
}

/* The sets that tell two inputs of a Gaussian apart best at a few epsilons, each with the exact delta there. */
static int add_gaussian(struct audit *audit, double moved, double variance)
{
    for (int i = -1; i <= 2; i++) {
        double epsilon = ldexp(audit->epsilon, i);
        uint64_t delta = 0;
        double at = ceil(moved / 2 - variance * epsilon / moved) - 1;

        if (privacy_gauss_delta((uint64_t)moved, audit->sampler->num, audit->sampler->den,
                                (uint64_t)llround(epsilon * PRIVACY_MICRO), &delta) != 0)
            return NOISE_BAD_PARAMETER;
        struct audit_event *low = add(audit, (struct audit_event){ .kind = EVENT_AT_MOST, .at = at });
        low->epsilon = epsilon;
        low->delta = (double)delta / TWO_64;
        struct audit_event *high = add(audit, (struct audit_event){ .kind = EVENT_AT_LEAST, .at = moved - at });
        high->epsilon = epsilon;
        high->delta = (double)delta / TWO_64;
        if (i == 0)
            audit->delta = low->delta;
    }
    return 0;
}

static int add_noise(struct audit *audit, uint64_t samples)
{
    double parameter = (double)audit->sampler->num / (double)audit->sampler->den;
    bool gaussian = audit->sampler->mechanism == MECHANISM_GAUSSIAN;
    double deviation = gaussian ? sqrt(parameter) : parameter;
    double moved = (double)audit->inputs[1];

    if (gaussian && add_gaussian(audit, moved, parameter) != 0)
        return NOISE_BAD_PARAMETER;
    for (unsigned i = 0; i < 3 && !gaussian; i++) {
        add_at(audit, EVENT_AT_MOST, -floor(i * deviation));
        add_at(audit, EVENT_AT_LEAST, moved + floor(i * deviation));
    }
    add_at(audit, EVENT_EQUAL, 0);
    add_at(audit, EVENT_EQUAL, moved);
    add_at(audit, EVENT_AT_MOST, -1);
    add_at(audit, EVENT_AT_LEAST, 1);
    double last = 0;
    for (unsigned i = 1; i <= TAILS; i++) {
        double far = ceil(i * deviation * (gaussian ? .5 : 1));
        if (far <= last || 2 * at_least(audit->sampler, (int64_t)far) * (double)samples < (double)EXPECTED_LEAST)
            continue;
        add_at(audit, EVENT_FAR, far);
        last = far;
    }
    return 0;
}

static void add_responses(struct audit *audit)
{
    const struct sampler *sampler = audit->sampler;
    uint32_t seen = sampler->categories < CATEGORIES_SEEN ? sampler->categories : CATEGORIES_SEEN;

    if (sampler->mechanism == MECHANISM_OUE) {
        add(audit, (struct audit_event){ .kind = EVENT_BITS, .set = 1, .clear = 2 });
        add(audit, (struct audit_event){ .kind = EVENT_BITS, .set = 2, .clear = 1 });
        add(audit, (struct audit_event){ .kind = EVENT_BITS, .set = 3 });
        for (uint32_t i = 0; i < seen; i++)
            add(audit, (struct audit_event){ .kind = EVENT_BITS, .set = UINT64_C(1) << i });
        return;
    }
    for (uint32_t i = 0; i < (sampler->mechanism == MECHANISM_ONEBIT ? 2 : seen); i++)
        add_at(audit, EVENT_EQUAL, i);
}

static int claim(struct audit *audit, uint64_t sensitivity, uint64_t micro)
{
    const struct sampler *sampler = audit->sampler;
    struct noise_weights weights = { (uint32_t)sampler->num, (uint32_t)sampler->den };
    double deviation = sqrt((double)sampler->num / (double)sampler->den);
    uint64_t delta = 0;
    int r = 0;

    if (micro == 0 && sampler->mechanism == MECHANISM_GAUSSIAN)
        micro = (uint64_t)ceil((double)sensitivity / deviation * PRIVACY_MICRO);
    else if (micro == 0 && sampler_adds(sampler))
        r = privacy_laplace_epsilon(sensitivity, sampler->num, sampler->den, &micro);
    else if (micro == 0)
        r = privacy_response_epsilon(weights, &micro);
    if (r == 0 && sampler->mechanism == MECHANISM_GEOMETRIC)
        r = noise_geometric_delta(&sampler->geometric, micro, &delta);
    audit->epsilon = (double)micro / PRIVACY_MICRO;
    audit->delta = (double)delta / TWO_64;
    return r;
}

int audit_begin(struct audit *audit, const struct sampler *sampler, uint64_t sensitivity, uint64_t micro_epsilon,
                double confidence, uint64_t samples)
{
    bool gaussian = sampler->mechanism == MECHANISM_GAUSSIAN;

    *audit = (struct audit){ .sampler = sampler, .confidence = confidence };
    audit->inputs[1] = sampler_adds(sampler)                    ? (int64_t)sensitivity
                       : sampler->mechanism == MECHANISM_ONEBIT ? sampler->span
                                                                : 1;
    if (gaussian && sampler->num / sampler->den >= PRIVACY_SUM_VARIANCE_MAX)
        return NOISE_BAD_PARAMETER;
    int r = claim(audit, sensitivity, micro_epsilon);
    if (r == 0 && sampler_adds(sampler))
        r = add_noise(audit, samples);
    else if (r == 0)
        add_responses(audit);
    add_at(audit, EVENT_NOT_WHOLE, 0);
    add_at(audit, EVENT_OFF_LATTICE, 0);
    return r;
}

/* ---- counting ---- */

static bool happened(const struct audit_event *event, double answer, double input)
{
    switch (event->kind) {
    case EVENT_AT_MOST:
        return answer <= event->at;
    case EVENT_AT_LEAST:
        return answer >= event->at;
    case EVENT_EQUAL:
        return answer == event->at;
    case EVENT_FAR:
        return fabs(answer - input) >= event->at;
    case EVENT_NOT_WHOLE:
        return answer != floor(answer);
    case EVENT_OFF_LATTICE:
        return ldexp(answer, 53) != floor(ldexp(answer, 53));
    case EVENT_BITS:
        break;
    }
    uint64_t bits = (uint64_t)answer;
    return (bits & event->set) == event->set && (bits & event->clear) == 0;
}

void audit_feed(struct audit *audit, unsigned side, double answer)
{
    double input = (double)audit->inputs[side];

    audit->n[side]++;
    for (size_t i = 0; i < audit->events; i++)
        audit->event[i].counts[side] += happened(&audit->event[i], answer, input);
}

/* ---- the verdict ---- */

static void name_of(const struct audit_event *event, char out[NAME_SIZE])
{
    switch (event->kind) {
    case EVENT_AT_MOST:
        snprintf(out, NAME_SIZE, "y <= %.0f", event->at + 0.);
        break;
    case EVENT_AT_LEAST:
        snprintf(out, NAME_SIZE, "y >= %.0f", event->at);
        break;
    case EVENT_EQUAL:
        snprintf(out, NAME_SIZE, "y = %.0f", event->at);
        break;
    case EVENT_FAR:
        snprintf(out, NAME_SIZE, "|y - input| >= %.0f", event->at);
        break;
    case EVENT_NOT_WHOLE:
        snprintf(out, NAME_SIZE, "y is no whole number");
        break;
    case EVENT_OFF_LATTICE:
        snprintf(out, NAME_SIZE, "y is no multiple of 2^-53");
        break;
    case EVENT_BITS:
        snprintf(out, NAME_SIZE, "bits %llx set, %llx clear", (unsigned long long)event->set,
                 (unsigned long long)event->clear);
        break;
    }
}

/* The largest epsilon that counts of an event prove, with one input made more likely by it than with the other. */
static double proven(const struct audit *audit, const struct audit_event *event, double alpha)
{
    double best = 0;

    if (event->kind == EVENT_FAR) /* not the same set of answers for both inputs */
        return 0;
    for (unsigned more = 0; more < 2; more++) {
        double p = binomial_lower(event->counts[more], audit->n[more], alpha) - event->delta;
        double q = binomial_upper(event->counts[1 - more], audit->n[1 - more], alpha);
        if (p > 0 && log(p / q) > best)
            best = log(p / q);
    }
    return best;
}

static bool lawful(const struct audit *audit, const struct audit_event *event, double alpha)
{
    for (unsigned side = 0; side < 2; side++) {
        uint64_t count = event->counts[side];
        uint64_t n = audit->n[side];
        double p = event->law[side];
        if (binomial_at_least(count, n, p) < alpha || binomial_at_most(count, n, p) < alpha)
            return false;
    }
    return true;
}

static json_t *check(const struct audit *audit, const struct audit_event *event, double alpha, bool *out_good,
                     double *out_bound)
{
    double bound = proven(audit, event, alpha);
    bool within = bound <= event->epsilon;
    char name[NAME_SIZE];

    name_of(event, name);
    *out_good = within && lawful(audit, event, alpha);
    *out_bound = bound;
    return json_pack("{s:s, s:o, s:o, s:o, s:o, s:o, s:s}", "event", name, "input",
                     json_sprintf("%.6f", (double)event->counts[0] / (double)audit->n[0]), "input_law",
                     json_sprintf("%.6f", event->law[0]), "neighbour",
                     json_sprintf("%.6f", (double)event->counts[1] / (double)audit->n[1]), "neighbour_law",
                     json_sprintf("%.6f", event->law[1]), "epsilon_at_least", json_sprintf("%.4f", bound), "verdict",
                     *out_good ? "as claimed"
                     : within  ? "not the claimed law"
                               : "too likely with one input");
}

json_t *audit_report(const struct audit *audit, bool *out_violated)
{
    /* Two inputs and two sides by law, and two bounds each way by distinguishing: eight for an event. */
    double alpha = (1 - audit->confidence) / (8. * (double)audit->events);
    json_t *checks = json_array();
    char name[NAME_SIZE] = "none";
    double best = 0;

    *out_violated = false;
    for (size_t i = 0; i < audit->events; i++) {
        const struct audit_event *event = &audit->event[i];
        bool good = false;
        double bound = 0;

        json_array_append_new(checks, check(audit, event, alpha, &good, &bound));
        *out_violated |= !good;
        /* An epsilon is told at one delta. */
        if (event->epsilon == audit->epsilon && bound > best) {
            best = bound;
            name_of(event, name);
        }
    }
    return json_pack(
        "{s:s, s:I, s:I, s:I, s:o, s:o, s:o, s:o, s:s, s:s, s:o}", "mechanism", sampler_name(audit->sampler),
        "sensitivity", (json_int_t)audit->inputs[1], "samples", (json_int_t)audit->n[0], "neighbour_samples",
        (json_int_t)audit->n[1], "confidence", json_sprintf("%.10g", audit->confidence), "claimed_epsilon",
        json_sprintf("%.6f", audit->epsilon), "claimed_delta", json_sprintf("%.6g", audit->delta), "epsilon_at_least",
        json_sprintf("%.6f", best), "event", name, "verdict", *out_violated ? "violated" : "holds", "checks", checks);
}
