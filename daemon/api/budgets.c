/* budgets.c - /v1/budgets/{tenant} and its epochs. */
#include "daemon/core/budget.h"

#include <stddef.h>

#include "daemon/api/handlers.h"
#include "daemon/api/json.h"
#include "daemon/base/text.h"

/* Checked by the rules: what a person wrote is what the record shows. */
#define AMOUNT(name, member)                                                  \
    {                                                                         \
        name, FIELD_TEXT, false, offsetof(struct budget_order, member), 1, 40 \
    }
FORM(budget_form, struct budget_order, AMOUNT("epsilon", epsilon), AMOUNT("rho", rho), AMOUNT("delta", delta),
     AMOUNT("reserve_epsilon", reserve_epsilon), AMOUNT("reserve_rho", reserve_rho),
     AMOUNT("reserve_delta", reserve_delta), AMOUNT("unlock_percent", unlock),
     { "now_because", FIELD_TEXT, false, offsetof(struct budget_order, reason), 1, 200 });

static json_t *percent(int64_t ppm)
{
    char text[32];

    fixed_format(ppm, 4, text);
    return json_string(text);
}

static json_t *terms_json(const struct loss_caps *cap, const struct loss_caps *reserve, int64_t unlock_ppm)
{
    return json_pack("{s:o,s:o,s:o}", "cap", json_loss_caps(cap), "reserve", json_loss_caps(reserve), "unlock_percent",
                     percent(unlock_ppm));
}

static int reply_budget(struct request *request, const struct budget *budget)
{
    struct loss_caps left = loss_caps_left(&budget->spent, &budget->unlocked);

    return reply_json(&request->reply, 200,
                      json_pack("{s:o,s:o,s:o,s:o,s:I,s:I,s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:o}", "tenant",
                                json_words(budget->tenant), "epsilon", json_epsilon(budget->cap.ueps), "spent_epsilon",
                                json_epsilon(budget->spent.ueps), "left_epsilon", json_epsilon(left.ueps), "epoch",
                                (json_int_t)budget->epoch, "epoch_ms", (json_int_t)budget->epoch_ms, "renews_at",
                                json_time(budget->renews_ms), "next_epsilon", json_epsilon(budget->next_cap.ueps),
                                "filter_epsilon", json_epsilon(budget->filter_cap.ueps), "spent",
                                json_loss(&budget->spent), "left", json_loss_caps(&left), "unlocked",
                                json_loss_caps(&budget->unlocked), "terms",
                                terms_json(&budget->cap, &budget->reserve, budget->unlock_ppm), "next_terms",
                                terms_json(&budget->next_cap, &budget->next_reserve, budget->next_unlock_ppm), "filter",
                                json_loss_caps(&budget->filter_cap)));
}

int budgets_get(struct request *request, struct why *why)
{
    struct budget budget;

    int r = budget_get(request->core, &request->caller, request->path[0], &budget, why);
    return r != 0 ? r : reply_budget(request, &budget);
}

int budgets_set(struct request *request, struct why *why)
{
    struct budget_order *order = request->body.order;
    struct budget budget;

    order->now = order->reason != NULL;
    int r = budget_set(request->core, &request->caller, request->path[0], order, &budget, why);
    return r != 0 ? r : reply_budget(request, &budget);
}

static int add_epoch(void *context, const struct budget_epoch *epoch)
{
    return listing_add(context, epoch->epoch,
                       json_pack("{s:I,s:o,s:o,s:o,s:o,s:o,s:o,s:o}", "epoch", (json_int_t)epoch->epoch, "name",
                                 json_words(epoch->name), "from", json_time(epoch->from_ms), "to",
                                 json_time(epoch->to_ms), "spent", json_loss(&epoch->spent), "cap",
                                 json_loss_caps(&epoch->cap), "unlocked", json_loss_caps(&epoch->unlocked), "reserve",
                                 json_loss_caps(&epoch->reserve)));
}

int budgets_epochs(struct request *request, struct why *why)
{
    struct listing listing;

    int r = listing_begin(&listing, request, why);
    if (r == 0)
        r = budget_epochs(request->core, &request->caller, request->path[0], listing.page, add_epoch, &listing, why);
    return r != 0 ? r : listing_end(&listing);
}
