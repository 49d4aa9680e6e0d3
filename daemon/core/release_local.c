/* release_local.c - answers over readings that devices noised on board.
 *
 * Such reports are noised before this host sees them, and were charged to the filter of their device as they came in,
 * each what its policy says. Whatever is computed from them is postprocessing: it takes nothing from any filter, and
 * needs no noise of its own. What the tenant learns of a device in an epoch is bounded by the reports that go in, at
 * most C (the highest contributions of the versions that can be in the window, since a report by version v is only
 * taken while there are at most C_v in its epoch), each of at most the highest loss of one reading among them: by
 * composition, C times that, in each currency. The tenant's budget, a quota on what it learns, is charged that for each
 * epoch of the window, whether reports came or not: readings have no say in a price. It pays for every answer, also
 * over the same reports again, as with values that tenants share.
 *
 * Not hidden: that a device reported, how often and when, and so neither how many reports there are. Devices report at
 * the interval of their policy, not on what they measure.
 *
 * One answer may be over reports by several versions of the policy: each is estimated by itself, with its own noise and
 * bounds, and the estimates are added up, their errors by a union bound. Where a version's reports cannot tell what is
 * asked, the order is refused, by the policies that can be in the window and never by what came in. Memoised reports of
 * one device share their noise, so only the newest of each device counts, over the whole window: the price stays what
 * one report costs. Versions that memoise and others tell different sums, and are refused together.
 *
 * With SOURCE_BOTH the answer is over raw readings, and on top of them reports: in counts all of them; in sums and
 * means those whose noise is added and independent (laplace, geometric, not memoised). Taking out raw readings changes
 * nothing of these, so the sensitivity stays; and what on-board noise does to a sum is in its interval. What the tenant
 * pays bounds also what it learns of the readings behind the reports: with on-board noise as it fell, another reading
 * moves its report by no more than itself (cutting only lessens that), and a device's C reports the sum by no more than
 * C raw readings would. So reports by a version whose readings may be larger than the newest's have no part in it. */
#include "daemon/core/release_local.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/base/text.h"

/* ---- the order ---- */

static const char *const sources[] = {
    [0] = "", [SOURCE_RAW] = "raw", [SOURCE_LOCAL] = "local", [SOURCE_BOTH] = "both"
};

const char *source_name(enum source source)
{
    return sources[source];
}

/* What an order means that names none. Counts by label are of both kinds, like all counts. */
static enum source source_of_query(const struct asked *asked)
{
    const enum query query = asked->query;

    const bool is_count = query == QUERY_COUNT || query == QUERY_RUNNING_COUNT || asked_by_label(asked);

    return is_count || query == QUERY_SUM || query == QUERY_MEAN ? SOURCE_BOTH : SOURCE_RAW;
}

static int source_find(const struct release_order *order, struct asked *out, struct why *why)
{
    out->source = source_of_query(out);
    if (order->source == NULL)
        return 0;
    for (enum source source = SOURCE_RAW; source <= SOURCE_BOTH; source++)
        if (strcmp(order->source, sources[source]) == 0) {
            out->source = source;
            return 0;
        }
    return refuse(why, REFUSED_INVALID, "source", "ask for raw, local or both", "there is no such source");
}

static bool query_is_of_reports(const struct asked *asked)
{
    if (asked_by_label(asked))
        return false;
    return asked->query == QUERY_COUNT || asked->query == QUERY_SUM || asked->query == QUERY_MEAN ||
           asked->query == QUERY_HISTOGRAM || asked->query == QUERY_TOP;
}

int source_form(const struct release_order *order, struct asked *out, struct why *why)
{
    char *text = out->parameters_text;
    size_t length = strlen(text);

    int r = source_find(order, out, why);
    if (r != 0)
        return r;
    if (out->source == SOURCE_LOCAL && !query_is_of_reports(out))
        return refuse(why, REFUSED_INVALID, "source",
                      asked_by_label(out) ? "leave it out, or the label" : "ask for count, sum, mean, histogram or top",
                      "a %s%s is not made of reports noised on board alone", query_name(out->query),
                      asked_by_label(out) ? " by a label" : "");
    if (out->source == SOURCE_RAW && out->query == QUERY_RUNNING_COUNT)
        return refuse(why, REFUSED_INVALID, "source", "leave it out", "running counts are of all readings");
    if (out->source == SOURCE_BOTH && source_of_query(out) != SOURCE_BOTH)
        return refuse(why, REFUSED_INVALID, "source", "leave it out",
                      "a %s is not of raw readings and reports noised on board at once", query_name(out->query));
    if (out->source == source_of_query(out))
        return 0;
    if (length > 0)
        length--; /* the closing brace */
    int added = snprintf(text + length, sizeof(out->parameters_text) - length, "%s\"source\":\"%s\"}",
                         length > 0 ? "," : "{", sources[out->source]);
    return added > 0 && (size_t)added < sizeof(out->parameters_text) - length ? 0 : -E2BIG;
}

int local_form(const struct release_order *order, struct asked *out, struct why *why)
{
    if (order->loss.ueps != 0 || order->loss.nrho != 0 || order->rho != NULL || order->mechanism != NULL)
        return refuse(why, REFUSED_INVALID, "source", "leave epsilon, rho and mechanism out; --dry-run tells the cost",
                      "reports noised on board have their noise, and so their cost, from the sensor's policy");
    if (order->error != NULL)
        return refuse(why, REFUSED_INVALID, "error", "ask more devices, or a longer window",
                      "reports noised on board have their noise from the sensor's policy: no budget lessens the error");
    out->mechanism = MECHANISM_LOCAL;
    return 0;
}

/* ---- versions ---- */

void local_close(struct asked *asked)
{
    if (asked->local != NULL)
        free(asked->local->versions);
    free(asked->local);
    asked->local = NULL;
}

const char *local_mechanism_name(const struct noise_policy *policy)
{
    static const char *const names[] = { [POLICY_NONE] = "none",
                                         [POLICY_DISCRETE_LAPLACE] = "laplace",
                                         [POLICY_RANDOMIZED_RESPONSE] = "krr",
                                         [POLICY_GEOMETRIC] = "geometric",
                                         [POLICY_UNARY] = "oue",
                                         [POLICY_ONE_BIT] = "onebit" };
    return names[policy->mechanism];
}

static bool is_added_noise(const struct noise_policy *policy)
{
    return policy->mechanism == POLICY_DISCRETE_LAPLACE || policy->mechanism == POLICY_GEOMETRIC;
}

/* Whether reports by this policy tell what is asked; is_wide: its readings reach further than the newest's. */
static bool policy_tells(const struct noise_policy *policy, bool is_wide, const struct asked *asked)
{
    if (asked->query == QUERY_COUNT)
        return true;
    if (!asked_is_local(asked))
        return is_added_noise(policy) && local_is_independent(policy) && !is_wide;
    if (asked->query == QUERY_SUM || asked->query == QUERY_MEAN)
        return is_added_noise(policy) || policy->mechanism == POLICY_ONE_BIT;
    return policy->mechanism == POLICY_RANDOMIZED_RESPONSE || policy->mechanism == POLICY_UNARY;
}

static int version_add(struct asked *asked, const struct policy *policy)
{
    struct local *local = asked->local;
    struct local_version version = { .version = policy->version, .reading = policy->reading };

    int r = policy_doc_parse(bytes_view(policy->document, policy->document_size), &version.policy);
    if (r != 0)
        return r > 0 ? -EBADMSG : r;
    version.policy.sensor = version.policy.unit_text = (struct bytes){ 0 };
    if (version.policy.mechanism == POLICY_NONE)
        return 0; /* no report is by it */
    struct local_version *grown = realloc(local->versions, (local->count + 1) * sizeof(*grown));
    if (grown == NULL)
        return -ENOMEM;
    local->versions = grown;
    const bool is_wide = policy_sensitivity(policy) > policy_sensitivity(&asked->policy);
    version.counts = policy_tells(&version.policy, is_wide, asked);
    local->versions[local->count++] = version;
    return 0;
}

/* "ask for a window from T on", where a newer version tells what this one cannot. */
static int version_refuse(const struct asked *asked, const struct local_version *version, int64_t until_ms,
                          struct why *why)
{
    const bool is_of_numbers = asked->query == QUERY_SUM || asked->query == QUERY_MEAN;
    char text[32], todo[128] = "ask for a histogram or top";

    if (!is_of_numbers)
        snprintf(todo, sizeof(todo), "ask for a sum or mean");
    if (until_ms != INT64_MAX) {
        time_format(until_ms, text);
        snprintf(todo, sizeof(todo), "ask for a window from %s on", text);
    }
    return refuse(why, REFUSED_CONFLICT, "source", todo,
                  "version %lld of the policy of sensor %s lets out %s, which tell no %s", (long long)version->version,
                  asked->policy.sensor, is_of_numbers ? "categories" : "numbers", query_name(asked->query));
}

/* Reports by a version come in until an epoch after the next one was made. */
static int versions_load(struct core *core, struct asked *asked, struct why *why)
{
    struct policy policy = asked->policy;
    int64_t until_ms = INT64_MAX;
    int r = 0;

    for (int64_t number = policy.version; r == 0 && number > 0 && until_ms > asked->from_ms; number--) {
        const size_t before = asked->local->count;
        if (number < policy.version)
            r = core->store->policy_version(core->store, asked->policy.sensor, number, &policy);
        if (r != 0)
            return r > 0 ? -ENOENT : r;
        if (policy.created_ms < asked->to_ms)
            r = version_add(asked, &policy);
        if (r == 0 && asked_is_local(asked) && asked->local->count > before && !asked->local->versions[before].counts)
            r = version_refuse(asked, &asked->local->versions[before], until_ms, why);
        until_ms = policy.created_ms + core->settings.epoch_ms;
    }
    return r;
}

static int memo_check(struct asked *asked, struct why *why)
{
    struct local *local = asked->local;

    local->is_memoised = !local_is_independent(&local->versions[0].policy);
    for (size_t i = 1; i < local->count; i++)
        if (local_is_independent(&local->versions[i].policy) == local->is_memoised)
            return refuse(why, REFUSED_CONFLICT, "source", "ask for a window that only one of them is in",
                          "of versions %lld and %lld of the policy of sensor %s one memoises and one does not, and "
                          "what their reports add up to is not the same",
                          (long long)local->versions[0].version, (long long)local->versions[i].version,
                          asked->policy.sensor);
    return 0;
}

/* ---- what it costs ---- */

static int64_t larger(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

static void price(struct asked *asked)
{
    const struct local *local = asked->local;
    struct loss reading = { 0 };

    for (size_t i = 0; i < local->count; i++) {
        const struct loss *one = &local->versions[i].reading;
        reading.ueps = larger(reading.ueps, one->ueps);
        reading.nrho = larger(reading.nrho, one->nrho);
        reading.delta = larger(reading.delta, one->delta);
        reading.impure |= one->impure;
    }
    asked->loss = (struct loss){ .impure = reading.impure };
    loss_add_times(&asked->loss, &reading, local->contributions);
}

static int local_check(struct asked *asked, struct why *why)
{
    struct local *local = asked->local;
    int64_t most;

    if (local->count > LOCAL_VERSIONS_MAX)
        return refuse(why, REFUSED_TOO_LARGE, "from", "ask for a shorter window",
                      "the policy of sensor %s has more than %d versions in that window", asked->policy.sensor,
                      LOCAL_VERSIONS_MAX);
    if (local->count == 0)
        return refuse(why, REFUSED_CONFLICT, "source", "leave it out",
                      "by the policy of sensor %s no device noised on board in that window", asked->policy.sensor);
    if (asked->noising_count == 0)
        return refuse(why, REFUSED_CONFLICT, "source", "leave it out, or see tinypartctl device list",
                      "of the devices asked none noises on board%s",
                      asked->suspect_count > 0 ? ", but those that are suspect" : "");
    int r = memo_check(asked, why);
    if (r != 0)
        return r;
    for (size_t i = 0; i < local->count; i++)
        local->contributions = larger(local->contributions, local->versions[i].policy.contributions);
    if (local->is_memoised)
        local->contributions = 1;
    if (__builtin_mul_overflow(asked->noising_count * asked_epochs(asked), local->contributions, &most) ||
        most > NOISE_REPORTS_MAX)
        return refuse(why, REFUSED_TOO_LARGE, "selector", "ask for fewer devices or a shorter window",
                      "an estimate is over at most %u reports", NOISE_REPORTS_MAX);
    return 0;
}

int local_open(struct core *core, struct asked *asked, struct why *why)
{
    if (asked->source == SOURCE_RAW || asked->query == QUERY_RUNNING_COUNT)
        return 0; /* running_add() counts them */
    asked->local = calloc(1, sizeof(*asked->local));
    if (asked->local == NULL)
        return -ENOMEM;
    if (asked_by_label(asked))
        return 0; /* label_add() counts them */
    int r = versions_load(core, asked, why);
    if (r != 0)
        return r;
    if (asked_is_local(asked)) {
        r = local_check(asked, why);
        if (r == 0)
            price(asked);
        return r;
    }
    asked->local->contributions = asked->policy.contributions;
    for (size_t i = 0; i < asked->local->count && asked->noising_count > 0; i++)
        asked->local->leaves_out |= !asked->local->versions[i].counts;
    return 0;
}

/* ---- what came in ---- */

size_t local_cell_count(const struct asked *asked)
{
    if (asked->query == QUERY_HISTOGRAM)
        return asked->parameters.count - 1;
    return asked->query == QUERY_TOP ? asked->parameters.count : 0;
}

/* Bins are without their upper ends, but for the last. */
bool local_cell_has(const struct asked *asked, size_t cell, int64_t value)
{
    const int64_t *values = asked->parameters.values;

    if (asked->query == QUERY_TOP)
        return value == values[cell];
    return value >= values[cell] &&
           (value < values[cell + 1] || (cell + 2 == asked->parameters.count && value == values[cell + 1]));
}

uint32_t local_categories(const struct asked *asked, const struct noise_policy *policy, size_t cell)
{
    const int64_t *values = asked->parameters.values;
    const bool is_last = asked->query == QUERY_TOP || cell + 2 == asked->parameters.count;
    int64_t low = values[cell], high = asked->query == QUERY_TOP ? low : values[cell + 1];

    if (!is_last)
        high--;
    low = larger(low, policy->lower);
    high = high < policy->upper ? high : policy->upper;
    return high < low ? 0 : (uint32_t)(high - low + 1);
}

static void category_count(const struct asked *asked, struct local_version *version, int64_t category)
{
    for (size_t i = 0; i < local_cell_count(asked); i++)
        version->cells[i] += local_cell_has(asked, i, category);
}

static int report_add(void *context, const struct reading_report *report)
{
    struct asked *asked = context;
    struct local *local = asked->local;
    size_t i = 0;

    while (i < local->count && local->versions[i].version != report->policy_version)
        i++;
    if (i == local->count || !local->versions[i].counts)
        return 0;
    struct local_version *version = &local->versions[i];
    version->reports++;
    local->reports++;
    if (version->policy.mechanism == POLICY_RANDOMIZED_RESPONSE)
        category_count(asked, version, report->value);
    for (unsigned bit = 0; version->policy.mechanism == POLICY_UNARY && bit < POLICY_UNARY_CATEGORIES_MAX; bit++)
        if (((uint64_t)report->value >> bit & 1) != 0)
            category_count(asked, version, version->policy.lower + bit);
    if (policy_is_answered(&version->policy) && version->policy.mechanism != POLICY_ONE_BIT)
        return 0;
    return __builtin_add_overflow(version->total, report->value, &version->total) ? -EOVERFLOW : 0; /* see policies */
}

/* Newest first, so of a device that memoises the first one found is the one that counts. */
static int device_add(struct core *core, struct asked *asked, struct aggregate_query *query)
{
    const uint64_t before = asked->local->reports;
    int r = 0;

    for (query->epoch = asked->last_epoch; r == 0 && query->epoch >= asked->first_epoch; query->epoch--) {
        r = core->store->reading_reports(core->store, query, report_add, asked);
        if (asked->local->is_memoised && asked->local->reports > before)
            break;
    }
    return r;
}

/* What on-board noise adds to the sum, and an interval for all its parts at once. */
static int both_add(struct asked *asked)
{
    const uint32_t unlikely = LOCAL_95 * ((uint32_t)asked->part_count + 1);
    struct local *local = asked->local;
    int r = 0;

    if (local->reports == 0)
        return 0;
    for (size_t i = 0; r == 0 && i < asked->part_count; i++) {
        struct noised *part = &asked->parts[i];
        const bool is_sum = strcmp(part->quantity, "sum") == 0;
        int64_t more = is_sum ? 0 : (int64_t)local->reports;
        for (size_t j = 0; is_sum && r == 0 && j < local->count; j++)
            r = __builtin_add_overflow(more, local->versions[j].total, &more) ? -EOVERFLOW : 0;
        if (r == 0 && __builtin_add_overflow(part->value, more, &part->value))
            r = -EOVERFLOW; /* policies make it impossible */
        if (r == 0 && asked->query != QUERY_COUNT)
            r = noised_half_width(asked, part, unlikely, &part->half_width);
        if (r == 0 && is_sum)
            r = local_both_error(asked, unlikely, &local->error);
        if (r == 0 && is_sum && __builtin_add_overflow(part->half_width, local->error, &part->half_width))
            part->half_width = INT64_MAX; /* said in words */
    }
    return r;
}

static int count_one(void *context, const struct reading_report *report)
{
    (void)report;
    ++*(int64_t *)context;
    return 0;
}

int local_count(struct core *core, const struct asked *asked, const struct aggregate_query *query, int64_t *count)
{
    return asked->source == SOURCE_BOTH ? core->store->reading_reports(core->store, query, count_one, count) : 0;
}

int local_totals(struct core *core, struct asked *asked)
{
    struct aggregate_query query = {
        .tenant_id = asked->tenant.id,
        .sensor = asked->policy.sensor,
        .from_ms = asked->from_ms,
        .to_ms = asked->to_ms,
    };
    bool any = false;
    int r = 0;

    if (asked->local == NULL || asked_by_label(asked))
        return 0;
    for (size_t i = 0; i < asked->local->count; i++)
        any |= asked->local->versions[i].counts;
    query.contributions = asked->local->contributions;
    for (int64_t i = 0; any && r == 0 && i < asked->device_count; i++) {
        query.device_id = asked->devices[i];
        if (asked->noises[i])
            r = device_add(core, asked, &query);
    }
    if (r != 0)
        return r;
    return asked_is_local(asked) ? local_estimate(asked) : both_add(asked);
}
