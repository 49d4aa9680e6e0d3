/* budget_set.c - a tenant's terms are changed: caps fall at once and rise with the next epoch, unless somebody gives a
 * reason that stands in the record for good. What is reserved of an epoch is settled when it begins. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "daemon/base/text.h"
#include "daemon/core/access.h"
#include "daemon/core/audit.h"
#include "daemon/core/budget.h"
#include "daemon/core/ports/store.h"
#include "daemon/core/texts.h"
#include "daemon/core/transaction.h"

#define CAP_UEPS_MAX       INT64_C(1000000000000)    /* epsilon 10^6: beyond any use, far from any overflow */
#define CAP_NRHO_MAX       INT64_C(1000000000000000) /* rho 10^6 */
#define PERCENT_DIGITS     4                         /* millionths */
#define REASON_MAX         200
#define BUDGET_FIRST_EPOCH 0

static const struct budget_terms standard = { .cap = { .nrho = LOSS_MAX, .pure_only = true }, .unlock_ppm = 1000000 };

static int amount_read(const char *text, const char *where, int digits, int64_t most, int64_t *out, struct why *why)
{
    char limit[32];

    if (text == NULL)
        return 0;
    if (fixed_parse(text, digits, out) == 0 && *out >= 0 && *out <= most)
        return 0;
    fixed_format(most, digits, limit);
    return refuse(why, REFUSED_INVALID, where, NULL,
                  "%s is a decimal between 0 and %s with at most %d digits behind the "
                  "point",
                  where, limit, digits);
}

static int delta_read(const char *text, const char *where, int64_t *out, struct why *why)
{
    if (text == NULL || delta_parse(text, out) == 0)
        return 0;
    return refuse(why, REFUSED_INVALID, where, "write it as 1e-9", "%s is a number between 0 and 0.0078", where);
}

static int rho_read(const char *text, struct loss_caps *cap, struct why *why)
{
    if (text == NULL)
        return 0;
    if (strcmp(text, "none") == 0) {
        cap->nrho = LOSS_MAX;
        cap->pure_only = true;
        return 0;
    }
    cap->pure_only = false;
    return amount_read(text, "rho", 9, CAP_NRHO_MAX, &cap->nrho, why);
}

/* terms: as they stand. */
static int order_read(const struct budget_order *order, struct budget_terms *terms, struct why *why)
{
    int r = amount_read(order->epsilon, "epsilon", 6, CAP_UEPS_MAX, &terms->cap.ueps, why);
    if (r == 0)
        r = rho_read(order->rho, &terms->cap, why);
    if (r == 0)
        r = delta_read(order->delta, "delta", &terms->cap.delta, why);
    if (r == 0)
        r = amount_read(order->reserve_epsilon, "reserve_epsilon", 6, CAP_UEPS_MAX, &terms->reserve.ueps, why);
    if (r == 0)
        r = amount_read(order->reserve_rho, "reserve_rho", 9, CAP_NRHO_MAX, &terms->reserve.nrho, why);
    if (r == 0)
        r = delta_read(order->reserve_delta, "reserve_delta", &terms->reserve.delta, why);
    if (r == 0)
        r = amount_read(order->unlock, "unlock", PERCENT_DIGITS, INT64_C(100) * 10000, &terms->unlock_ppm, why);
    return r;
}

/* All reserves together must leave the filter's cap as it is. */
static int reserve_check(struct core *core, int64_t tenant_id, int64_t epoch, const struct budget_terms *terms,
                         struct why *why)
{
    const struct loss_caps *cap = &core->settings.filter_cap;
    struct loss_caps others;

    int r = core->store->reserves_sum(core->store, epoch, tenant_id, &others);
    if (r != 0)
        return r;
    struct loss taken = loss_of_caps(&others), more = loss_of_caps(&terms->reserve);
    enum loss_currency currency = loss_fits(&taken, &more, cap);
    if (currency == LOSS_NONE)
        return 0;
    char of_others[32], of_cap[32];
    struct loss whole = loss_of_caps(cap);
    loss_amount_format(&taken, currency, of_others);
    loss_amount_format(&whole, currency, of_cap);
    return refuse(why, REFUSED_INVALID, "reserve", "reserve less, or raise the filter's cap",
                  "other tenants have %s of %s %s reserved on each device already", of_others, of_cap,
                  loss_currency_name(currency));
}

/* Of the terms of the present epoch: what rises waits unless it is to rise now; what falls, falls. */
static int present_put(struct core *core, int64_t tenant_id, int64_t present, bool now,
                       const struct budget_terms *standing, const struct budget_terms *wanted)
{
    struct store *store = core->store;
    struct budget_terms terms = *standing;

    terms.cap = now ? wanted->cap : loss_caps_lower(&standing->cap, &wanted->cap);
    if (now || wanted->unlock_ppm < terms.unlock_ppm)
        terms.unlock_ppm = wanted->unlock_ppm;
    int r = store->terms_put(store, tenant_id, present, &terms);
    if (r == 0)
        r = store->budget_recap(store, tenant_id, present, &terms.cap);
    return r == REFUSED_UNKNOWN ? 0 : r; /* nothing charged yet in this epoch: nothing stands */
}

static int terms_change(struct core *core, int64_t tenant_id, int64_t present, const struct budget_order *order,
                        struct budget_terms *wanted, struct why *why)
{
    struct store *store = core->store;
    struct budget_terms standing;

    *wanted = standard;
    int r = store->terms_get(store, tenant_id, present + 1, wanted);
    bool is_first = r == REFUSED_UNKNOWN;
    if (r < 0)
        return r;
    if (is_first && order->epsilon == NULL)
        return refuse(why, REFUSED_INVALID, "epsilon", NULL, "a first budget needs an epsilon");
    r = order_read(order, wanted, why);
    if (r == 0)
        r = reserve_check(core, tenant_id, present + 1, wanted, why);
    if (r != 0)
        return r;
    if (is_first) {
        standing = *wanted;
        standing.reserve = (struct loss_caps){ 0 };
        r = store->terms_put(store, tenant_id, BUDGET_FIRST_EPOCH, &standing);
    } else {
        r = store->terms_get(store, tenant_id, present, &standing);
        if (r == 0)
            r = present_put(core, tenant_id, present, order->now, &standing, wanted);
    }
    /* A rise that was ordered before is replaced, too. */
    return r != 0 ? r : store->terms_put(store, tenant_id, present + 1, wanted);
}

static void caps_detail(struct detail *detail, const char *prefix, const struct loss_caps *caps)
{
    struct loss amounts = loss_of_caps(caps);
    char key[32], text[32];

    for (enum loss_currency currency = LOSS_EPSILON; currency <= LOSS_DELTA; currency++) {
        snprintf(key, sizeof(key), "%s%s", prefix, loss_currency_name(currency));
        loss_amount_format(&amounts, currency, text);
        if (currency != LOSS_RHO || caps->nrho != LOSS_MAX)
            detail_text(detail, key, text);
    }
}

static int budget_audit(struct core *core, const struct caller *caller, const struct tenant *tenant,
                        const struct budget_order *order, const struct budget_terms *terms)
{
    struct detail detail = DETAIL;
    char subject[96], unlock[32];

    caps_detail(&detail, "", &terms->cap);
    caps_detail(&detail, "reserve_", &terms->reserve);
    fixed_format(terms->unlock_ppm, PERCENT_DIGITS, unlock);
    detail_text(&detail, "unlock", unlock);
    if (order->now)
        detail_text(&detail, "now_because", order->reason);
    snprintf(subject, sizeof(subject), "tenant:%s", tenant->name);
    return audit_append(core, caller, "budget.set", subject, tenant->id, detail_end(&detail));
}

static int budget_change(struct core *core, const struct caller *caller, const struct tenant *tenant,
                         const struct budget_order *order, struct why *why)
{
    struct budget_terms wanted;
    int64_t now_ms;

    int r = ledger_now_ms(core, &now_ms);
    if (r == 0)
        r = terms_change(core, tenant->id, ledger_epoch(core, now_ms), order, &wanted, why);
    return r != 0 ? r : budget_audit(core, caller, tenant, order, &wanted);
}

int budget_set(struct core *core, const struct caller *caller, const char *name, const struct budget_order *order,
               struct budget *out, struct why *why)
{
    struct tenant tenant;

    int r = access_check(caller, CAN_SET_BUDGET, why);
    if (r == 0)
        r = access_tenant(core, caller, name, &tenant, why);
    if (r != 0)
        return r;
    if (order->now && (order->reason == NULL || order->reason[0] == '\0' || strlen(order->reason) > REASON_MAX))
        return refuse(why, REFUSED_INVALID, "reason", "say why, in 1 to 200 characters: it is recorded for good",
                      "a cap rises within an open epoch only for a reason");
    r = core->store->begin(core->store);
    if (r != 0)
        return r;
    r = transaction_end(core, budget_change(core, caller, &tenant, order, why));
    return r != 0 ? r : budget_get(core, caller, name, out, why);
}
