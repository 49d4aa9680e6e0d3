/* budgets.c - /v1/budgets/{tenant}. */
#include "daemon/core/budget.h"

#include <stddef.h>

#include "daemon/api/handlers.h"
#include "daemon/api/json.h"

FORM(budget_form, struct budget_order, { "epsilon", FIELD_TEXT, true, offsetof(struct budget_order, epsilon), 1, 40 });

static int reply_budget(struct request *request, const struct budget *budget)
{
    int64_t left_ueps = budget->cap.ueps > budget->spent.ueps ? budget->cap.ueps - budget->spent.ueps : 0;

    return reply_json(&request->reply, 200,
                      json_pack("{s:o,s:o,s:o,s:o,s:I,s:I,s:o,s:o,s:o}", "tenant", json_words(budget->tenant),
                                "epsilon", json_epsilon(budget->cap.ueps), "spent_epsilon",
                                json_epsilon(budget->spent.ueps), "left_epsilon", json_epsilon(left_ueps), "epoch",
                                (json_int_t)budget->epoch, "epoch_ms", (json_int_t)budget->epoch_ms, "renews_at",
                                json_time(budget->renews_ms), "next_epsilon", json_epsilon(budget->next_cap.ueps),
                                "filter_epsilon", json_epsilon(budget->filter_cap.ueps)));
}

int budgets_get(struct request *request, struct why *why)
{
    struct budget budget;

    int r = budget_get(request->core, &request->caller, request->path[0], &budget, why);
    return r != 0 ? r : reply_budget(request, &budget);
}

int budgets_set(struct request *request, struct why *why)
{
    const struct budget_order *order = request->body.order;
    struct budget budget;

    int r = budget_set(request->core, &request->caller, request->path[0], order, &budget, why);
    return r != 0 ? r : reply_budget(request, &budget);
}
