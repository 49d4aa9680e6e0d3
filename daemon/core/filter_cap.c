/* filter_cap.c - the guarantee's one number. The configuration sets it; an epoch keeps the cap that it began with,
 * unless somebody answers for a rise in words. */
#include "daemon/core/filter_cap.h"

#include <stdio.h>
#include <string.h>

#include "daemon/core/access.h"
#include "daemon/core/audit.h"
#include "daemon/core/budget.h"
#include "daemon/core/ledger.h"
#include "daemon/core/ports/store.h"
#include "daemon/core/texts.h"
#include "daemon/core/transaction.h"

#define REASON_MAX 200

static void caps_detail(struct detail *detail, const char *prefix, const struct loss_caps *caps)
{
    struct loss amounts = loss_of_caps(caps);
    char key[32], text[32];

    for (enum loss_currency currency = LOSS_EPSILON; currency <= LOSS_DELTA; currency++) {
        snprintf(key, sizeof(key), "%s_%s", prefix, loss_currency_name(currency));
        loss_amount_format(&amounts, currency, text);
        if (currency != LOSS_RHO || caps->nrho != LOSS_MAX)
            detail_text(detail, key, text);
    }
}

static int raise_now(struct core *core, const struct caller *caller, const char *reason, struct loss_caps *out,
                     struct why *why)
{
    struct store *store = core->store;
    const struct loss_caps *wanted = &core->settings.filter_cap;
    struct detail detail = DETAIL;
    struct loss_caps own;
    char subject[96], name[32];
    int64_t now_ms;

    int r = ledger_now_ms(core, &now_ms);
    if (r != 0)
        return r;
    int64_t epoch = ledger_epoch(core, now_ms);
    r = store->filter_cap_get(store, epoch, &own);
    if (r < 0)
        return r;
    if (r == REFUSED_UNKNOWN || !loss_caps_exceed(wanted, &own))
        return refuse(why, REFUSED_CONFLICT, "filter", "raise privacy.device_cap in the configuration and start again",
                      "the configured cap is not above that of the present epoch");
    if (loss_caps_exceed(&own, wanted)) /* what is lower there holds anyway, and what is spent stays below its cap */
        return refuse(why, REFUSED_CONFLICT, "filter", "raise the others too, or wait for the next epoch",
                      "the configured caps are above the present epoch's in one currency and below in another");
    r = store->filter_cap_put(store, epoch, wanted);
    if (r != 0)
        return r;
    caps_detail(&detail, "from", &own);
    caps_detail(&detail, "to", wanted);
    detail_text(&detail, "now_because", reason);
    ledger_epoch_name(core, epoch, name);
    snprintf(subject, sizeof(subject), "epoch:%s", name);
    *out = *wanted;
    return audit_append(core, caller, "filter.raise", subject, 0, detail_end(&detail));
}

int filter_cap_raise(struct core *core, const struct caller *caller, const char *reason, struct loss_caps *out,
                     struct why *why)
{
    struct loss_caps caps;

    int r = access_check(caller, CAN_SET_BUDGET, why);
    if (r != 0)
        return r;
    if (reason == NULL || reason[0] == '\0' || strlen(reason) > REASON_MAX)
        return refuse(why, REFUSED_INVALID, "reason", "say why, in 1 to 200 characters: it is recorded for good",
                      "a cap rises within an open epoch only for a reason");
    r = core->store->begin(core->store);
    if (r != 0)
        return r;
    r = transaction_end(core, raise_now(core, caller, reason, &caps, why));
    if (r == 0)
        *out = caps;
    return r;
}

/* ---- the configuration ---- */

static int noted(struct core *core, struct loss_caps *out)
{
    struct store *store = core->store;
    int64_t pure_only = 0;

    int r = store->fact_get(store, "filter_cap_ueps", &out->ueps);
    if (r == 0)
        r = store->fact_get(store, "filter_cap_nrho", &out->nrho);
    if (r == 0)
        r = store->fact_get(store, "filter_cap_delta", &out->delta);
    if (r == 0)
        r = store->fact_get(store, "filter_cap_pure", &pure_only);
    out->pure_only = pure_only != 0;
    return r;
}

static int note(struct core *core, const struct loss_caps *before)
{
    const struct loss_caps *now = &core->settings.filter_cap;
    struct store *store = core->store;
    struct detail detail = DETAIL;

    int r = store->fact_set(store, "filter_cap_ueps", now->ueps);
    if (r == 0)
        r = store->fact_set(store, "filter_cap_nrho", now->nrho);
    if (r == 0)
        r = store->fact_set(store, "filter_cap_delta", now->delta);
    if (r == 0)
        r = store->fact_set(store, "filter_cap_pure", now->pure_only);
    if (r != 0 || before == NULL)
        return r;
    caps_detail(&detail, "from", before);
    caps_detail(&detail, "to", now);
    return audit_append(core, NULL, "filter.setting", "privacy.device_cap", 0, detail_end(&detail));
}

int filter_cap_note(struct core *core)
{
    const struct loss_caps *now = &core->settings.filter_cap;
    struct loss_caps before = { 0 };

    int r = noted(core, &before);
    if (r < 0 || (r == 0 && !loss_caps_exceed(&before, now) && !loss_caps_exceed(now, &before)))
        return r;
    bool is_first = r == REFUSED_UNKNOWN;
    r = core->store->begin(core->store);
    return r != 0 ? r : transaction_end(core, note(core, is_first ? NULL : &before));
}
