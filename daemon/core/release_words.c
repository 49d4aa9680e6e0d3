/* release_words.c - what an answer promises, and of whom it knows how much, in words that a tenant can print. */
#include <stdio.h>

#include "daemon/base/buffer.h"
#include "daemon/base/text.h"
#include "daemon/core/release_local.h"
#include "daemon/core/release_running.h"
#include "daemon/core/texts.h"
#include "device_proto/privacy_loss.h"

#define SMALL_DELTA UINT64_C(18446744073709) /* 10^-6, in 2^-64ths */

static void accuracy_words(const struct asked *asked, const char *interval, char *out, size_t size)
{
    const char *plural = asked->query == QUERY_HISTOGRAM || asked->query == QUERY_TOP ? "counts are"
                         : asked->query == QUERY_QUANTILES                            ? "quantiles are"
                         : query_is_shared(asked->query)                              ? "values of the devices are"
                                                                                      : NULL;

    char label[320] = "";

    if (asked_by_label(asked))
        label_words(asked, label, sizeof(label));
    if (asked->query == QUERY_VECTOR_SUM) {
        char norm[32], l2[32], step[32];
        fixed_format(asked->policy.upper, asked->parts[0].digits, norm);
        fixed_format(vector_l2_error(asked), asked->parts[0].digits, l2);
        fixed_format(1, asked->parts[0].digits, step);
        snprintf(
            out, size,
            "With 95 %% certainty the true coordinates of the sum of the vectors that count, each clipped to an L2 "
            "norm of %s, are %s; all of them together are off by %s in L2 norm, on average at most.%s%s%s",
            norm, interval, l2, asked->policy.scale > 1 ? " The coordinates themselves are counted in steps of " : "",
            asked->policy.scale > 1 ? step : "", asked->policy.scale > 1 ? "." : "");
        return;
    }
    if (interval == NULL)
        snprintf(out, size, "How far noise has moved the %s cannot be bounded with 95 %% certainty.",
                 query_name(asked->query));
    else if (plural != NULL)
        snprintf(out, size, "With 95 %% certainty the true %s %s.%s", plural, interval, label);
    else
        snprintf(out, size, "With 95 %% certainty the true %s of the readings that count is %s.%s",
                 query_is_running(asked->query) ? "running count" : query_name(asked->query), interval,
                 asked->local != NULL && asked->local->leaves_out
                     ? " Reports noised on board that answer by categories or bits, are memoised, or kept wider bounds "
                       "of an earlier policy, are not among these: source local has them."
                     : "");
}

static void privacy_words(const struct asked *asked, char *out, size_t size)
{
    char amount[32], epsilon[32];
    uint64_t ueps = 0;

    loss_amount_format(&asked->loss, asked->loss.impure ? LOSS_RHO : LOSS_EPSILON, amount);
    if (!asked->loss.impure) {
        snprintf(out, size,
                 "every possible answer would have been at most e^%s times more or less likely: discrete "
                 "Laplace noise, pure epsilon %s",
                 amount, amount);
    } else if (privacy_epsilon_of_rho((uint64_t)asked->loss.nrho, SMALL_DELTA, &ueps) == 0) {
        fixed_format((int64_t)ueps, 6, epsilon);
        snprintf(out, size,
                 "what can be told from the answer would be nearly the same: discrete Gaussian noise, "
                 "zero-concentrated with rho %s, which is epsilon %s at delta 0.000001",
                 amount, epsilon);
    } else {
        snprintf(out, size,
                 "what can be told from the answer would be nearly the same: discrete Gaussian noise, "
                 "zero-concentrated with rho %s",
                 amount);
    }
}

static void cost_words(const struct asked *asked, char *out, size_t size)
{
    char epsilon[32], rho[32], amounts[128], devices[EACH_SIZE], epochs[EACH_SIZE];

    loss_amount_format(&asked->loss, LOSS_EPSILON, epsilon);
    loss_amount_format(&asked->loss, LOSS_RHO, rho);
    snprintf(amounts, sizeof(amounts), "%s%s, rho %s, delta 0", asked->loss.impure ? "no pure epsilon" : "epsilon ",
             asked->loss.impure ? "" : epsilon, rho);
    if (query_is_running(asked->query)) {
        running_cost_words(asked, amounts, out, size);
        return;
    }
    each_words(asked->charged_count, "device", devices);
    each_words(asked_epochs(asked), "epoch", epochs);
    snprintf(out, size, "It cost %s %s, and tenant %s, in %s of its window: %s.", devices,
             query_is_shared(asked->query) ? "that nobody had asked this of before" : "asked", asked->tenant.name,
             epochs, amounts);
}

void put_statement(struct buffer *out, const struct asked *asked, const char *interval)
{
    char accuracy[512], privacy[320], epoch[DURATION_SIZE], cost[640], text[2048];

    accuracy_words(asked, interval, accuracy, sizeof(accuracy));
    privacy_words(asked, privacy, sizeof(privacy));
    duration_words(asked->policy.epoch_ms, epoch);
    cost_words(asked, cost, sizeof(cost));
    snprintf(text, sizeof(text),
             "%s Protected is each device in each epoch of %s: were all its raw readings of one epoch taken out, %s. "
             "%s",
             accuracy, epoch, privacy, cost);
    buffer_text(out, "\"statement\":");
    buffer_json(out, text);
}
