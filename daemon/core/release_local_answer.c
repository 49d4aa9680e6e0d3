/* release_local_answer.c - the document of an answer over reports noised on board, from its values on. Nothing in it
 * hangs on a draw of noise: asked again, it is made of the same reports. */
#include <stdio.h>
#include <string.h>

#include "daemon/base/buffer.h"
#include "daemon/base/text.h"
#include "daemon/core/release_local.h"
#include "daemon/core/texts.h"

#define SUM_VARIANCE_DIGITS  2 /* beyond twice those of the readings */
#define MEAN_VARIANCE_DIGITS 4
#define MEAN_DIGITS          2 /* beyond those of the readings */
#define CELL_DIGITS          2

static const char no_reports[] = "no report came in";
static const char too_far[] = "the estimate is beyond all numbers: too much noise";

const char *local_mechanism_words(const struct noise_policy *policy)
{
    static const char *const words[] = { [POLICY_NONE] = "",
                                         [POLICY_DISCRETE_LAPLACE] = "discrete Laplace noise",
                                         [POLICY_RANDOMIZED_RESPONSE] = "k-ary randomised response",
                                         [POLICY_GEOMETRIC] = "geometric noise in constant time",
                                         [POLICY_UNARY] = "optimised unary encoding",
                                         [POLICY_ONE_BIT] = "the one-bit mean" };
    return words[policy->mechanism];
}

static void put_decimal(struct buffer *out, const char *key, int64_t value, int digits)
{
    char text[32];

    fixed_format(value, digits, text);
    buffer_format(out, "\"%s\":\"%s\",", key, text);
}

void local_put_part(struct buffer *out, const struct asked *asked)
{
    if (asked->local == NULL)
        return;
    buffer_format(out, "\"on_board\":{\"devices\":%lld,\"suspect\":%lld,\"reports\":%llu},",
                  (long long)asked->noising_count, (long long)asked->suspect_count,
                  (unsigned long long)asked->local->reports);
}

/* ---- values ---- */

static void put_null(struct buffer *out, const char *key, const char *reason)
{
    buffer_format(out, "\"%s\":null,\"%s_reason\":\"%s\",", key, key, reason);
}

static void put_number(struct buffer *out, const struct asked *asked)
{
    const struct local *local = asked->local;
    const int digits = digits_of_scale(asked->policy.scale);
    const bool is_mean = asked->query == QUERY_MEAN;
    const int shown = asked->query == QUERY_COUNT ? 0 : is_mean ? digits + MEAN_DIGITS : digits;
    char low[32], high[32];

    if (local->is_beyond || (is_mean && local->reports == 0)) {
        put_null(out, "value", local->is_beyond ? too_far : no_reports);
        put_null(out, "error95", local->is_beyond ? too_far : no_reports);
        return;
    }
    put_decimal(out, "value", local->value, shown);
    fixed_format(local->low, shown, low);
    fixed_format(local->high, shown, high);
    buffer_format(out, "\"error95\":{\"low\":\"%s\",\"high\":\"%s\"},", low, high);
    if (asked->query != QUERY_COUNT)
        put_decimal(out, "variance", local->variance,
                    2 * digits + (is_mean ? MEAN_VARIANCE_DIGITS : SUM_VARIANCE_DIGITS));
}

static void put_cell(struct buffer *out, const struct asked *asked, size_t cell)
{
    const int digits = digits_of_scale(asked->policy.scale);
    const int64_t *values = asked->parameters.values;
    char low[32], high[32], count[32];

    fixed_format(values[cell], digits, low);
    fixed_format(asked->local->cells[cell], CELL_DIGITS, count);
    if (asked->query == QUERY_TOP) {
        buffer_format(out, "{\"category\":\"%s\",\"count\":\"%s\"}", low, count);
        return;
    }
    fixed_format(values[cell + 1], digits, high);
    buffer_format(out, "{\"low\":\"%s\",\"high\":\"%s\",\"count\":\"%s\"}", low, high, count);
}

/* The largest not taken yet, of two alike the one declared first. */
static size_t largest(const struct asked *asked, const bool taken[EDGES_MAX])
{
    const int64_t *cells = asked->local->cells;
    size_t best = EDGES_MAX;

    for (size_t i = 0; i < local_cell_count(asked); i++)
        if (!taken[i] && (best == EDGES_MAX || cells[i] > cells[best]))
            best = i;
    return best;
}

static void put_cells(struct buffer *out, const struct asked *asked)
{
    const bool is_top = asked->query == QUERY_TOP;
    const size_t count = is_top ? asked->parameters.top : local_cell_count(asked);
    bool taken[EDGES_MAX] = { false };
    char width[32];

    if (asked->local->is_beyond) {
        put_null(out, is_top ? "top" : "bins", too_far);
        put_null(out, "error95", too_far);
        return;
    }
    buffer_format(out, "\"%s\":[", is_top ? "top" : "bins");
    for (size_t i = 0; i < count; i++) {
        const size_t cell = is_top ? largest(asked, taken) : i;
        taken[cell] = true;
        buffer_text(out, i > 0 ? "," : "");
        put_cell(out, asked, cell);
    }
    fixed_format(asked->local->half_width, CELL_DIGITS, width);
    buffer_format(out, "],\"error95\":{\"half_width\":\"%s\"},", width);
    put_decimal(out, "variance", asked->local->variance, CELL_DIGITS);
}

/* ---- privacy ---- */

static void put_version(struct buffer *out, const struct local_version *version)
{
    const struct noise_policy *policy = &version->policy;
    const bool has_weights = policy_is_answered(policy);
    char epsilon[32], delta[32];

    fixed_format(version->reading.ueps, 6, epsilon);
    delta_format(version->reading.delta, delta);
    buffer_format(out,
                  "{\"quantity\":\"reading\",\"policy_version\":%lld,\"mechanism\":\"%s\",\"%s\":%u,\"%s\":%u,"
                  "\"memo_step\":%u,\"epsilon\":\"%s\",\"delta\":\"%s\",\"reports\":%llu}",
                  (long long)version->version, local_mechanism_name(policy), has_weights ? "truth" : "scale_num",
                  policy->parameter_num, has_weights ? "lie" : "scale_den", policy->parameter_den, policy->memo_step,
                  epsilon, delta, (unsigned long long)version->reports);
}

/* What readings may be instead: answers hide any, added noise by the policy's adjacency. */
static const char *others(const struct asked *asked)
{
    for (size_t i = 0; i < asked->local->count; i++) {
        const struct noise_policy *policy = &asked->local->versions[i].policy;
        if (!policy_is_answered(policy) && policy->adjacency == POLICY_ZERO_OUT)
            return "zeros";
    }
    return "any others";
}

static void put_privacy(struct buffer *out, const struct asked *asked)
{
    const struct local *local = asked->local;
    char delta[32];

    put_decimal(out, "epsilon", asked->loss.ueps, 6);
    put_decimal(out, "rho", asked->loss.nrho, 9);
    delta_format(asked->loss.delta, delta);
    buffer_format(out, "\"delta\":\"%s\",\"privacy\":{\"mechanism\":\"%s, on each device\",\"unit\":\"device-epoch\",",
                  delta, local_mechanism_words(&local->versions[0].policy));
    buffer_format(out, "\"epoch_ms\":%lld,\"adjacency\":", (long long)asked->policy.epoch_ms);
    buffer_format(out,
                  "\"what the readings of one device in one epoch were, against %s; that they came, how many and when, "
                  "is not hidden; filters of devices were charged as readings came in, and the tenant's budget now\"",
                  others(asked));
    buffer_format(out, ",\"contributions\":%lld,\"policy_version\":%lld,\"noise\":[", (long long)local->contributions,
                  (long long)asked->policy.version);
    for (size_t i = 0; i < local->count; i++) {
        buffer_text(out, i > 0 ? "," : "");
        put_version(out, &local->versions[i]);
    }
    buffer_text(out, "]},");
}

/* ---- in words ---- */

static void accuracy_words(const struct asked *asked, char *out, size_t size)
{
    const struct local *local = asked->local;
    const int digits = digits_of_scale(asked->policy.scale) + (asked->query == QUERY_MEAN ? MEAN_DIGITS : 0);
    char low[32], high[32];

    if (local->is_beyond || (asked->query == QUERY_MEAN && local->reports == 0)) {
        snprintf(out, size, "How far noise has moved the %s cannot be bounded with 95 %% certainty.",
                 query_name(asked->query));
    } else if (asked->query == QUERY_COUNT) {
        snprintf(out, size, "There are %llu reports, which is exact.", (unsigned long long)local->reports);
    } else if (local_cell_count(asked) > 0) {
        fixed_format(local->half_width, CELL_DIGITS, high);
        snprintf(out, size, "With 95 %% certainty the true counts of %llu reports are within %s of what is said, %s.",
                 (unsigned long long)local->reports, high,
                 asked->query == QUERY_TOP ? "for all categories at once" : "for each bin by itself");
    } else {
        fixed_format(local->low, digits, low);
        fixed_format(local->high, digits, high);
        snprintf(out, size,
                 "With 95 %% certainty the true %s of the %llu readings reported, clamped to the policy's bounds, is "
                 "between %s and %s.",
                 query_name(asked->query), (unsigned long long)local->reports, low, high);
    }
}

static void memo_words(const struct asked *asked, char *out, size_t size)
{
    const uint32_t step = asked->local->versions[0].policy.memo_step;
    char text[32];

    out[0] = '\0';
    if (!asked->local->is_memoised)
        return;
    fixed_format(step, digits_of_scale(asked->policy.scale), text);
    snprintf(out, size,
             " Its answers are memoised: the newest report of each device counts, of a reading rounded down in steps "
             "of %s.",
             text);
}

static void put_words(struct buffer *out, const struct asked *asked)
{
    const struct local *local = asked->local;
    char accuracy[256], memo[192], epoch[DURATION_SIZE], epsilon[32], rho[32], delta[32], text[1280];
    char epochs[EACH_SIZE];

    accuracy_words(asked, accuracy, sizeof(accuracy));
    memo_words(asked, memo, sizeof(memo));
    duration_words(asked->policy.epoch_ms, epoch);
    each_words(asked_epochs(asked), "epoch", epochs);
    loss_amount_format(&asked->loss, LOSS_EPSILON, epsilon);
    loss_amount_format(&asked->loss, LOSS_RHO, rho);
    delta_format(asked->loss.delta, delta);
    snprintf(
        text, sizeof(text),
        "%s Each reading was noised on its device, by %s%s, and charged to the device's filter as it came in, at "
        "most %lld of a device in an epoch of %s.%s This answer is made of such reports alone: it cost the devices "
        "nothing more, and tenant %s, in %s of its window: epsilon %s, rho %s, delta %s. Had all readings of one "
        "device in one epoch been %s, every possible answer would have been at most e^%s times more or less likely%s. "
        "That devices reported, how often and when, is not hidden.",
        accuracy, local_mechanism_words(&local->versions[0].policy),
        local->count > 1 ? " (earlier versions of the policy as they said)" : "", (long long)local->contributions,
        epoch, memo, asked->tenant.name, epochs, epsilon, rho, delta, others(asked), epsilon,
        asked->loss.delta > 0 ? ", but for a probability of delta" : "");
    buffer_text(out, "\"statement\":");
    buffer_json(out, text);
}

void local_write(struct buffer *out, const struct asked *asked)
{
    local_put_part(out, asked);
    if (local_cell_count(asked) > 0)
        put_cells(out, asked);
    else
        put_number(out, asked);
    put_privacy(out, asked);
    put_words(out, asked);
}
