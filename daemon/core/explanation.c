/* explanation.c - what a release guarantees, in words.
 *
 * The noise and the interval are taken from the stored answer, which is the only place that keeps them: it is the
 * daemon's own text, and what others wrote into it has its quotes escaped, so that a member found in it by `"name":` is
 * a member. */
#include "daemon/core/explanation.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/base/buffer.h"
#include "daemon/base/text.h"
#include "daemon/core/accuracy.h"
#include "daemon/core/budget.h"
#include "daemon/core/policy.h"
#include "daemon/core/ports/store.h"
#include "daemon/core/release_local.h"
#include "daemon/core/texts.h"
#include "device_proto/privacy_loss.h"

#define DELTA_MILLIONTH UINT64_C(18446744073709) /* 1e-6 in 2^-64ths, rounded down */
#define MEMBER_SIZE     NAME_SIZE

struct explained {
    struct release release;
    struct loss loss; /* that the release was charged; or, of one of a series that was paid before, the series' first */
    int64_t paid_by;  /* of running counts: that first one; else 0 */
    struct policy policy;
    int64_t epochs;
    struct loss_caps filter_cap; /* the lowest of the epochs touched */
    struct buffer answer;        /* the whole of it */
};

static const char *answer_of(const struct explained *it)
{
    return (const char *)it->answer.data;
}

/* The number or text of the first member of that name at or after from; "" where it is none of those. */
static const char *member(const char *from, const char *name, char out[MEMBER_SIZE])
{
    char key[MEMBER_SIZE];

    out[0] = '\0';
    snprintf(key, sizeof(key), "\"%s\":", name);
    const char *at = from != NULL ? strstr(from, key) : NULL;
    if (at == NULL)
        return NULL;
    at += strlen(key);
    bool is_text = *at == '"';
    at += is_text;
    size_t size = strcspn(at, is_text ? "\"" : ",}]");
    if (size < MEMBER_SIZE && strncmp(at, "null", 4) != 0)
        snprintf(out, MEMBER_SIZE, "%.*s", (int)size, at);
    return at;
}

static bool is_of(const struct explained *it, const char *query)
{
    return strcmp(it->release.query, query) == 0;
}

/* One value for each device, which tenants share. */
static bool is_shared(const struct explained *it)
{
    return is_of(it, "device-count") || is_of(it, "device-sum");
}

static void say_what(struct buffer *out, const struct explained *it)
{
    static const char *const names[][2] = {
        { "top", "counts of the largest categories" }, { "device-count", "count, device by device," },
        { "device-sum", "sum, device by device," },    { "vector-sum", "sum of the vectors" },
        { "running-count", "running count" },
    };
    const struct release *release = &it->release;
    const char *name = release->query;
    char from[32], to[32];

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (is_of(it, names[i][0]))
            name = names[i][1];

    time_format(release->from_ms, from);
    time_format(release->to_ms, to);
    buffer_format(out, "Release %lld told tenant %s the noised %s of sensor %s from %s until %s, over %lld device%s (",
                  (long long)release->id, release->tenant, name, release->sensor, from, to, (long long)release->cohort,
                  release->cohort == 1 ? "" : "s");
    buffer_text(out, release->selector[0] != '\0' ? release->selector : "all that its grants cover");
    buffer_text(out, "). ");
}

/* The tenant chose the id, or a schedule did. */
static void say_request(struct buffer *out, const struct explained *it)
{
    buffer_text(out, "Asked again under its request id ");
    buffer_text(out, it->release.request);
    buffer_text(out, " it is given again, the same bytes, and nothing is charged for that. ");
    if (it->paid_by == 0 && strncmp(it->release.request, "schedule:", 9) == 0)
        buffer_text(out, "Such an id is that of one run of a schedule: each run is another answer and charged anew. ");
}

static void say_label(struct buffer *out, const struct explained *it)
{
    char label[NAME_SIZE];

    if (member(it->release.parameters, "by", label) == NULL)
        return;
    buffer_format(out,
                  "Readings were counted by the value that label %s of their device had as the answer was made: which "
                  "device has which label is known to this host and not hidden. ",
                  label);
}

static void say_unit(struct buffer *out, const struct explained *it)
{
    char length[DURATION_SIZE];

    duration_words(it->policy.epoch_ms, length);
    buffer_format(out,
                  "What it protects is one device in one epoch of %s (unit device-epoch): all raw readings that the "
                  "device gave in that epoch, against none of them (adjacency zero-out). ",
                  length);
}

static int say_loss(struct buffer *out, const struct explained *it)
{
    const struct loss *loss = &it->loss;
    char epsilon[32], rho[32], delta[32], implied[32];
    uint64_t micro;

    if (privacy_epsilon_of_rho((uint64_t)loss->nrho, DELTA_MILLIONTH, &micro) != 0 || micro > INT64_MAX)
        return -EOVERFLOW;
    loss_amount_format(loss, LOSS_EPSILON, epsilon);
    loss_amount_format(loss, LOSS_RHO, rho);
    delta_format(loss->delta, delta);
    fixed_format((int64_t)micro, 6, implied);
    if (loss->impure)
        buffer_format(out,
                      "The answer is rho-zero-concentrated differentially private with rho %s, and so (epsilon, "
                      "delta)-differentially private with epsilon %s at delta 1e-6: whoever sees it, whatever they "
                      "know besides and whatever they compute from it, nothing is more than e^%s times as likely with "
                      "those readings as without them, but for a probability of one in a million. ",
                      rho, implied, implied);
    else
        buffer_format(out,
                      "The answer is differentially private with epsilon %s: whoever sees it, whatever they know "
                      "besides and whatever they compute from it, nothing is more than e^%s times as likely with those "
                      "readings as without them, or the other way round. Its rho (zero-concentrated differential "
                      "privacy) is %s, which by itself gives epsilon %s at delta 1e-6. ",
                      epsilon, epsilon, rho, implied);
    if (loss->delta > 0)
        buffer_format(out, "With a probability of at most %s that does not hold. ", delta);
    if (it->epochs > 1)
        buffer_format(out,
                      "Its window touches %lld epochs, each of which is charged that much: for a device that was there "
                      "in all of them, it adds up to %lld times that. ",
                      (long long)it->epochs, (long long)it->epochs);
    return 0;
}

/* Running counts: what was said of their loss is so of all of them together. */
static void say_series(struct buffer *out, const struct explained *it)
{
    if (it->paid_by == 0)
        return;
    buffer_format(out,
                  "All of that is so of all answers of its series together: the running counts of one epoch, which are "
                  "made of partial sums over growing stretches of it that are noised once and kept, so that a step has "
                  "the same count in each of them. Each device paid once for all steps of the epoch, with release "
                  "%lld%s; the first readings of a device in the epoch count. ",
                  (long long)it->paid_by,
                  it->release.loss.nrho > 0 ? ", which is this one" : ", and nothing for this one");
}

static void say_noise(struct buffer *out, const struct explained *it)
{
    const bool is_gauss = strcmp(it->release.mechanism, "gaussian") == 0;
    char quantity[MEMBER_SIZE], num[MEMBER_SIZE], den[MEMBER_SIZE], step[MEMBER_SIZE];
    const char *at = strstr(answer_of(it), "\"noise\":[");
    const char *between = "";

    buffer_format(out, "%s had noise added that was drawn once, in whole numbers, from the discrete %s distribution: ",
                  is_of(it, "mean") || is_of(it, "variance") || is_of(it, "quantiles") || it->paid_by != 0
                      ? "It was computed from noised numbers and from nothing else, and each of those"
                      : "Each number in it",
                  is_gauss ? "Gaussian" : "Laplace");
    while ((at = member(at, "quantity", quantity)) != NULL) {
        if (member(at, is_gauss ? "variance_num" : "scale_num", num) == NULL)
            member(at, "scale_num", num);
        if (member(at, is_gauss ? "variance_den" : "scale_den", den) == NULL)
            member(at, "scale_den", den);
        member(at, "step", step);
        buffer_format(out, "%s%s %s%s%s steps of %s on the %s", between, is_gauss ? "variance" : "scale", num,
                      strcmp(den, "1") == 0 ? "" : "/", strcmp(den, "1") == 0 ? "" : den, step, quantity);
        between = ", ";
    }
    buffer_text(out, ". ");
}

/* Which readings count, and in what numbers. */
static void say_bounds(struct buffer *out, const struct explained *it)
{
    const struct policy *policy = &it->policy;
    const int digits = digits_of_scale(policy->scale);
    const char *space = policy->unit_text[0] != '\0' ? " " : "";
    char lower[32], upper[32], step[32];

    fixed_format(policy->lower, digits, lower);
    fixed_format(policy->upper, digits, upper);
    fixed_format(1, digits, step);
    if (is_of(it, "vector-sum") && policy->scale > 1)
        buffer_format(out, "Its coordinates are counted in steps of %s%s%s, all else that is said of it in units. ",
                      step, space, policy->unit_text);
    if (policy->dimension > 0)
        buffer_format(out, "Of a device at most %lld vector%s in an epoch, each scaled down to an L2 norm of %s%s%s. ",
                      (long long)policy->contributions, policy->contributions == 1 ? " counts" : "s count", upper,
                      space, policy->unit_text);
    else
        buffer_format(
            out,
            "Of a device at most %lld readings count in an epoch, raw ones as if they were between %s and %s%s%s. ",
            (long long)policy->contributions, lower, upper, space, policy->unit_text);
}

static void say_interval(struct buffer *out, const struct explained *it)
{
    const char *at = strstr(answer_of(it), "\"error95\":");
    const char *privacy = strstr(answer_of(it), "\"privacy\":{");
    char low[MEMBER_SIZE] = "", high[MEMBER_SIZE] = "";

    say_bounds(out, it);
    if (at != NULL && privacy != NULL && at > privacy)
        at = NULL;
    if (at != NULL && strncmp(at, "\"error95\":{\"half_width\":", 24) == 0) {
        member(at, "half_width", low);
        buffer_format(out,
                      "Each number in it is within %s of what it would have been without noise, with a "
                      "probability of at least 95 %% for %s. ",
                      low, strcmp(it->release.query, "top") == 0 ? "all of them at once" : "each by itself");
    } else if (at != NULL && strncmp(at, "\"error95\":{\"low\":", 17) == 0 &&
               strcmp(it->release.query, "quantiles") != 0) {
        member(at, "low", low);
        member(at, "high", high);
        buffer_format(out,
                      "What the answer would have been over those readings without noise lies between %s and %s with "
                      "a probability of at least 95 %%. ",
                      low, high);
    } else {
        buffer_text(out, "The answer itself says how far off it may be, as far as that can be told. ");
    }
}

/* part of whole in percent, one digit, rounded up. */
static void percent_of(int64_t part, int64_t whole, char out[32])
{
    unsigned __int128 tenths =
        ((unsigned __int128)part * 1000 + (unsigned __int128)whole - 1) / (unsigned __int128)whole;

    fixed_format(tenths > INT64_MAX ? INT64_MAX : (int64_t)tenths, 1, out);
}

/* What a device was charged when its value was drawn holds for all who get it. */
static void say_shared(struct buffer *out, const struct explained *it)
{
    char charged[MEMBER_SIZE];

    member(answer_of(it), "charged", charged);
    buffer_format(out,
                  "The value of a device is drawn once and kept: every tenant that asks the same of it gets the same "
                  "number, which tells no more however many have it, and the device is charged once. With this release "
                  "%s of the %lld %s charged; of every other an earlier release had asked the same. ",
                  charged, (long long)it->release.cohort, strcmp(charged, "1") == 0 ? "was" : "were");
}

static void say_filter(struct buffer *out, const struct explained *it)
{
    const struct loss whole = loss_of_caps(&it->filter_cap);
    const struct loss *loss = &it->loss;
    char cap[32], percent[32];

    buffer_format(out,
                  "Each device asked has a filter, which bounds what all answers to all tenants together tell of it in "
                  "an epoch; %s used",
                  it->paid_by != 0 ? "its series"
                  : is_shared(it)  ? "where a value was drawn for this one, it"
                                   : "this one");
    if (!loss->impure && whole.ueps > 0) {
        loss_amount_format(&whole, LOSS_EPSILON, cap);
        percent_of(loss->ueps, whole.ueps, percent);
        buffer_format(out, " %s %% of its epsilon %s", percent, cap);
    }
    if (whole.nrho > 0 && whole.nrho < LOSS_MAX) {
        loss_amount_format(&whole, LOSS_RHO, cap);
        percent_of(loss->nrho, whole.nrho, percent);
        buffer_format(out, "%s %s %% of its rho %s", loss->impure ? "" : " and", percent, cap);
    }
    buffer_text(out, ". ");
}

static void say_limits(struct buffer *out, const struct core *core, const struct explained *it)
{
    char kept[DURATION_SIZE], life[32];
    struct loss whole = loss_of_caps(&core->settings.life_cap);
    const int64_t amounts[] = { whole.ueps, whole.nrho, whole.delta };
    const char *between = "";

    duration_words(it->policy.retention_ms, kept);
    buffer_text(out,
                "What it does not protect: a device over many epochs, since each has a filter of its own and losses "
                "add up; the lifetime odometer of the device counts them, and stops at the cap, if any, that was set "
                "when the device was registered (now: ");
    for (int i = 0; i < 3; i++) {
        if (amounts[i] == 0 || amounts[i] >= LOSS_MAX)
            continue;
        loss_amount_format(&whole, (enum loss_currency)(LOSS_EPSILON + i), life);
        buffer_format(out, "%s%s %s", between, loss_currency_name((enum loss_currency)(LOSS_EPSILON + i)), life);
        between = ", ";
    }
    buffer_text(out, between[0] != '\0' ? ")" : "none)");
    buffer_format(
        out,
        ". Nor which devices there are and were asked, nor when those that add noise on board posted, whose "
        "readings were charged by themselves as they came in. And this host is trusted: it sees raw readings, "
        "which it deletes after %s.",
        kept);
}

/* The loss that holds for the answer: its own, or of a series the one that was paid for all of it. */
static int loss_find(struct core *core, const struct caller *caller, int64_t id, struct explained *out, struct why *why)
{
    out->loss = out->release.loss;
    if (!release_is_running(out->release.query))
        return 0;
    out->paid_by = release_paid_by(&out->release);
    int r = release_get(core, caller, out->paid_by, &out->release, why);
    if (r != 0)
        return r > 0 ? -EPROTO : r;
    out->loss = out->release.loss;
    return release_get(core, caller, id, &out->release, why);
}

static int explained_read(struct core *core, const struct caller *caller, int64_t id, struct explained *out,
                          struct why *why)
{
    struct store *store = core->store;

    int r = release_get(core, caller, id, &out->release, why);
    if (r == 0)
        r = loss_find(core, caller, id, out, why);
    if (r == 0)
        r = release_answer_append(core, &out->release, &out->answer);
    if (r == 0)
        r = store->policy_version(store, out->release.sensor, out->release.policy_version, &out->policy);
    if (r != 0)
        return r == REFUSED_UNKNOWN && out->release.id == id ? -ENOENT : r;
    int64_t first = ledger_epoch(core, out->release.from_ms), last = ledger_epoch(core, out->release.to_ms - 1);
    out->epochs = last - first + 1;
    out->filter_cap = core->settings.filter_cap;
    for (int64_t epoch = first; epoch <= last; epoch++) {
        struct loss_caps own = out->filter_cap;
        r = store->filter_cap_get(store, epoch, &own);
        if (r < 0)
            return r;
        out->filter_cap = loss_caps_lower(&out->filter_cap, &own);
    }
    return 0;
}

int release_explain(struct core *core, const struct caller *caller, int64_t id, char out[EXPLANATION_SIZE],
                    struct why *why)
{
    struct explained *it = calloc(1, sizeof(*it));
    struct buffer text;

    if (it == NULL)
        return -ENOMEM;
    buffer_init(&text, EXPLANATION_SIZE - 1);
    buffer_init(&it->answer, RELEASE_ANSWER_MAX);
    int r = explained_read(core, caller, id, it, why);
    if (r == 0 && strcmp(it->release.mechanism, "local") == 0) {
        local_explain(&text, &it->release, &it->policy);
    } else if (r == 0) {
        say_what(&text, it);
        say_label(&text, it);
        say_unit(&text, it);
        r = say_loss(&text, it);
        say_series(&text, it);
        say_noise(&text, it);
        say_interval(&text, it);
        if (is_shared(it))
            say_shared(&text, it);
        say_filter(&text, it);
        say_request(&text, it);
        say_limits(&text, core, it);
    }
    if (r == 0)
        r = text.fault;
    if (r == 0)
        memcpy(out, text.data, text.size + 1);
    buffer_deinit(&text);
    buffer_deinit(&it->answer);
    free(it);
    return r;
}
