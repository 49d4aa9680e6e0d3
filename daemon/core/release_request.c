/* release_request.c - what is asked: its form, its name, and whether it was answered before (I3).
 *
 * A request has a name within its tenant. A caller that gives one may send the request again after a lost answer, as
 * given: the hash is over the order's own content, in which an omitted window stays an omitted window. Without a name,
 * the name is the hash of what the order means at this moment: window filled in, policy version included. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "daemon/base/buffer.h"
#include "daemon/base/text.h"
#include "daemon/core/ledger.h"
#include "daemon/core/budget.h"
#include "daemon/core/release_local.h"
#include "daemon/core/release_running.h"

#define REQUEST_TEXT_MAX 4096

static const struct {
    const char *name;
    enum query query;
} queries[] = { { "count", QUERY_COUNT },
                { "sum", QUERY_SUM },
                { "mean", QUERY_MEAN },
                { "variance", QUERY_VARIANCE },
                { "histogram", QUERY_HISTOGRAM },
                { "quantiles", QUERY_QUANTILES },
                { "top", QUERY_TOP },
                { "device-count", QUERY_DEVICE_COUNT },
                { "device-sum", QUERY_DEVICE_SUM },
                { "vector-sum", QUERY_VECTOR_SUM },
                { "running-count", QUERY_RUNNING_COUNT } };

static int query_read(const char *name, enum query *out, struct why *why)
{
    for (size_t i = 0; name != NULL && i < sizeof(queries) / sizeof(queries[0]); i++) {
        if (strcmp(queries[i].name, name) != 0)
            continue;
        *out = queries[i].query;
        return 0;
    }
    return refuse(why, REFUSED_INVALID, "query",
                  "ask for count, sum, mean, variance, histogram, quantiles, top, device-count, device-sum, "
                  "vector-sum or running-count",
                  "there is no such query");
}

static bool request_name_is_valid(const char *name)
{
    size_t length = strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._:-");

    return length > 0 && length < sizeof(((struct asked *)0)->request) && name[length] == '\0';
}

static int mechanism_read(const struct release_order *order, struct asked *out, struct why *why)
{
    if (order->mechanism == NULL)
        out->mechanism = out->wanted.nrho > 0 || out->query == QUERY_VECTOR_SUM ? MECHANISM_GAUSS : MECHANISM_LAPLACE;
    else if (strcmp(order->mechanism, mechanism_name(MECHANISM_LAPLACE)) == 0)
        out->mechanism = MECHANISM_LAPLACE;
    else if (strcmp(order->mechanism, mechanism_name(MECHANISM_GAUSS)) == 0)
        out->mechanism = MECHANISM_GAUSS;
    else
        return refuse(why, REFUSED_INVALID, "mechanism", "ask for laplace or gaussian", "there is no such mechanism");
    return 0;
}

/* Each mechanism is paid in its own currency. Only a preview that is told the error may leave the loss out. */
static int loss_read(const struct release_order *order, struct asked *out, struct why *why)
{
    out->wanted = order->loss;
    if (order->rho != NULL && fixed_parse(order->rho, 9, &out->wanted.nrho) != 0)
        return refuse(why, REFUSED_INVALID, "rho", NULL, "rho is a decimal of at most 9 digits behind the point");
    if (order->error != NULL && (fixed_parse(order->error, 6, &out->error) != 0 || out->error < 1))
        return refuse(why, REFUSED_INVALID, "error", NULL,
                      "an error is a decimal above 0, of at most 6 digits behind the point");
    int r = mechanism_read(order, out, why);
    if (r == 0 && out->query == QUERY_VECTOR_SUM)
        r = vector_mechanism_check(order, out, why);
    if (r != 0)
        return r;
    const int64_t ueps = out->wanted.ueps, nrho = out->wanted.nrho, least = asked_shares(out);
    if (ueps == 0 && nrho == 0 && out->error > 0)
        return 0;
    if (out->mechanism == MECHANISM_GAUSS && (ueps != 0 || nrho < least || nrho > RELEASE_NRHO_MAX))
        return refuse(why, REFUSED_INVALID, "rho", NULL,
                      "Gaussian noise is paid in rho alone, above 0 and at most %lld; it has no pure epsilon",
                      RELEASE_NRHO_MAX / 1000000000);
    if (out->mechanism == MECHANISM_LAPLACE && (nrho != 0 || ueps < least || ueps > RELEASE_UEPS_MAX))
        return refuse(why, REFUSED_INVALID, "epsilon", NULL,
                      "epsilon must be above 0 and at most %lld, without a rho, which follows from it",
                      RELEASE_UEPS_MAX / 1000000);
    return 0;
}

static int form_read(const struct release_order *order, struct asked *out, struct why *why)
{
    struct selector selector;
    const char *text = order->selector != NULL ? order->selector : "";

    int r = query_read(order->query, &out->query, why);
    if (r != 0)
        return r;
    if (order->sensor == NULL || !name_is_valid(order->sensor))
        return refuse(why, REFUSED_INVALID, "sensor", NULL, "a sensor's name has 1 to 63 characters of a-z 0-9 . - _");
    if (text_copy(out->selector, sizeof(out->selector), text) != 0)
        return refuse(why, REFUSED_INVALID, "selector", NULL, "a selector has at most %d characters",
                      SELECTOR_SIZE - 1);
    r = selector_parse(text, &selector, why);
    if (r != 0)
        return r;
    r = parameters_form(order, out, why);
    if (r == 0)
        r = source_form(order, out, why);
    if (r == 0)
        r = asked_is_local(out) ? local_form(order, out, why) : loss_read(order, out, why);
    if (r != 0)
        return r;
    if (order->from_ms < 0 || order->to_ms < 0 ||
        (order->from_ms > 0 && order->to_ms > 0 && order->from_ms >= order->to_ms))
        return refuse(why, REFUSED_INVALID, "from", NULL, "the window must begin before it ends");
    if (order->request != NULL && !request_name_is_valid(order->request))
        return refuse(why, REFUSED_INVALID, "request", NULL,
                      "a request id has 1 to %d characters of A-Z a-z 0-9 . _ : -", NAME_SIZE + 7);
    return 0;
}

/* SHA-256 over one line a field. No field can hold a newline: that is checked above. policy_version 0 stays out. What
 * requests once could not say adds lines only where it is said: old requests keep their names. */
static int content_hash(struct core *core, const struct asked *asked, const char *sensor, int64_t from_ms,
                        int64_t to_ms, int64_t policy_version, uint8_t out[DIGEST_SIZE])
{
    char text[REQUEST_TEXT_MAX];

    int length =
        snprintf(text, sizeof(text), "tinypart release 1\n%lld\n%d\n%s\n%s\n%lld\n%lld\n%lld\n%lld\n",
                 (long long)asked->tenant.id, (int)asked->query, sensor, asked->selector, (long long)asked->wanted.ueps,
                 (long long)from_ms, (long long)to_ms, (long long)policy_version);
    if (length < 0 || (size_t)length >= sizeof(text))
        return -E2BIG;
    if (asked->mechanism != MECHANISM_LAPLACE || asked->parameters_text[0] != '\0')
        length += snprintf(text + length, sizeof(text) - (size_t)length, "%s\n%lld\n%s\n",
                           mechanism_name(asked->mechanism), (long long)asked->wanted.nrho, asked->parameters_text);
    if ((size_t)length >= sizeof(text))
        return -E2BIG;
    return core->crypto->sha256(core->crypto->context, bytes_view(text, (size_t)length), out);
}

/* What an omitted window means: all of its end's epoch so far, as far as its readings are still there. */
static void window_read(const struct core *core, const struct release_order *order, struct asked *out)
{
    out->to_ms = order->to_ms != 0 ? order->to_ms : out->now_ms;
    out->from_ms = order->from_ms;
    if (query_is_running(out->query)) {
        running_window(core, out);
        return;
    }
    if (order->from_ms != 0)
        return;
    out->from_ms = ledger_epoch_start_ms(core, ledger_epoch(core, out->to_ms - 1));
    if (out->from_ms < out->kept_from_ms)
        out->from_ms = out->kept_from_ms;
}

/* Since when the sensor's readings are still there. Each is kept for as long as the version says that it came in under:
 * one before the newest, until at most an epoch after its end. */
static int retention_read(const struct core *core, struct asked *out)
{
    int64_t ended_ms = out->policy.created_ms + core->settings.epoch_ms;
    struct policy earlier;

    out->kept_from_ms = out->now_ms - out->policy.retention_ms;
    for (int64_t version = out->policy.version - 1; version > 0 && ended_ms > out->kept_from_ms; version--) {
        int r = core->store->policy_version(core->store, out->policy.sensor, version, &earlier);
        if (r != 0)
            return r > 0 ? -ENOENT : r;
        int64_t gone_ms = out->now_ms - earlier.retention_ms;
        if (gone_ms > ended_ms)
            gone_ms = ended_ms;
        if (gone_ms > out->kept_from_ms)
            out->kept_from_ms = gone_ms;
        ended_ms = earlier.created_ms + core->settings.epoch_ms;
    }
    return 0;
}

static int name_read(struct core *core, const struct release_order *order, struct asked *out)
{
    uint8_t digest[DIGEST_SIZE];

    if (order->request != NULL) {
        snprintf(out->request, sizeof(out->request), "%s", order->request);
        return content_hash(core, out, order->sensor, order->from_ms, order->to_ms, 0, out->hash);
    }
    int r = content_hash(core, out, order->sensor, out->from_ms, out->to_ms, out->policy.version, digest);
    if (r != 0)
        return r;
    hex_encode(bytes_view(digest, sizeof(digest)), out->request);
    return content_hash(core, out, order->sensor, out->from_ms, out->to_ms, 0, out->hash);
}

static int replay_find(struct core *core, const struct asked *asked, struct release *out, bool *out_is_replay,
                       struct why *why)
{
    uint8_t hash[DIGEST_SIZE];

    *out_is_replay = false;
    int r = core->store->release_by_request(core->store, asked->tenant.id, asked->request, out, hash);
    if (r == REFUSED_UNKNOWN)
        return 0;
    if (r != 0)
        return r;
    if (memcmp(hash, asked->hash, sizeof(hash)) != 0)
        return refuse(why, REFUSED_CONFLICT, "request", "choose a new request id",
                      "the request id %s was used for a different request", asked->request);
    *out_is_replay = true;
    return 0;
}

int asked_read(struct core *core, const struct tenant *tenant, const struct release_order *order, int64_t now_ms,
               struct asked *out, struct release *out_replay, bool *out_is_replay, struct why *why)
{
    out->tenant = *tenant;
    out->now_ms = now_ms;
    out->epoch_ms = core->settings.epoch_ms;
    int r = form_read(order, out, why);
    if (r != 0)
        return r;
    r = core->store->policy_newest(core->store, order->sensor, &out->policy);
    if (r == REFUSED_UNKNOWN)
        return refuse(why, REFUSED_UNKNOWN, "sensor", "set one: tinypartctl policy set",
                      "there is no policy for a sensor of that name, and without one nothing is released");
    if (r != 0)
        return r;
    r = retention_read(core, out);
    if (r != 0)
        return r;
    window_read(core, order, out);
    r = name_read(core, order, out);
    if (r != 0)
        return r;
    return replay_find(core, out, out_replay, out_is_replay, why);
}

int asked_check(struct core *core, struct asked *asked, struct why *why)
{
    char text[32];

    int r = ledger_usable(core, why);
    if (r == 0)
        r = vector_kind_check(asked, why);
    if (r != 0)
        return r;
    if (asked->from_ms >= asked->to_ms && !query_is_running(asked->query))
        return refuse(why, REFUSED_INVALID, "from", NULL, "the window must begin before it ends");
    if (asked->to_ms > asked->now_ms) {
        time_format(asked->now_ms, text);
        return refuse(why, REFUSED_INVALID, "to", NULL, "the window must have ended: it is %s by the ledger", text);
    }
    if (asked->from_ms < asked->kept_from_ms) {
        time_format(asked->kept_from_ms, text);
        return refuse(why, REFUSED_INVALID, "from", "ask for a later window",
                      "readings of sensor %s from before %s are deleted by its policy", asked->policy.sensor, text);
    }
    asked->first_epoch = ledger_epoch(core, asked->from_ms);
    asked->last_epoch = query_is_running(asked->query) ? asked->first_epoch : ledger_epoch(core, asked->to_ms - 1);
    asked->present_epoch = ledger_epoch(core, asked->now_ms);
    if (asked_epochs(asked) > WINDOW_EPOCHS_MAX)
        return refuse(why, REFUSED_TOO_LARGE, "from", "ask for a shorter window", "a window touches at most %d epochs",
                      WINDOW_EPOCHS_MAX);
    return 0;
}
