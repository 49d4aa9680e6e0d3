/* collect_store.c - readings into the store; those noised on board are paid for and leave as rows.
 *
 * A tenant pays for a pack's rows when it has somewhere to send them. One without sinks keeps its right to ask for
 * releases over the same readings, and pays then. One whose budget for the epoch is dry, that has none, or whose every
 * outbox is full, does not get the rows; the others do. */
#include <errno.h>
#include <stdio.h>

#include "daemon/base/buffer.h"
#include "daemon/base/text.h"
#include "daemon/core/accuracy.h"
#include "daemon/core/collect_internal.h"
#include "daemon/core/ledger.h"

static struct loss rules_cost(const struct pack *pack, uint64_t rules)
{
    struct loss loss = { 0 };

    for (unsigned i = 0; i < pack->kept_count; i++)
        if ((rules >> pack->kept[i].rule & 1) != 0)
            loss_add(&loss, &pack->rules[pack->kept[i].rule].policy.reading);
    return loss;
}

/* 0 or a refusal: may this tenant have its rows? */
static int payer_check(struct core *core, const struct pack *pack, struct taker *taker)
{
    struct charge_standing standing;
    unsigned sinks, open;

    int r = ledger_budget(core, taker->tenant_id, pack->epoch, pack->now_ms, &standing);
    if (r != 0)
        return r; /* REFUSED_UNKNOWN: no budget (I7) */
    r = export_room(core, taker->tenant_id, &sinks, &open);
    if (r != 0)
        return r;
    taker->has_sinks = sinks > 0;
    taker->loss = rules_cost(pack, taker->rules);
    if (!taker->has_sinks)
        return 0;
    if (open == 0) {
        core->counters[COUNT_EXPORT_REFUSED]++;
        return REFUSED_BUSY;
    }
    return loss_fits(&standing.spent, &taker->loss, &standing.cap) == LOSS_NONE ? 0 : REFUSED_EXHAUSTED;
}

int pack_payers(struct core *core, struct pack *pack, struct why *why)
{
    unsigned before = pack->taker_count;

    pack->taker_count = 0;
    for (unsigned i = 0; i < before; i++) {
        int r = payer_check(core, pack, &pack->takers[i]);
        if (r < 0)
            return r;
        if (r == 0)
            pack->takers[pack->taker_count++] = pack->takers[i];
    }
    unsigned dropped = pack_drop_untaken(pack);
    if (pack->kept_count > 0) {
        core->counters[COUNT_TELEMETRY_OVER_BUDGET] += dropped;
        return 0;
    }
    pack->counter = COUNT_TELEMETRY_OVER_BUDGET;
    return refuse(
        why, REFUSED_EXHAUSTED, "d", NULL,
        "no tenant can take readings of device %s now: their budgets are spent or not set, or their outboxes are full",
        pack->device.name);
}

/* ---- rows ---- */

static void row_put(struct buffer *out, const struct pack *pack, const struct kept *kept)
{
    const struct rule *rule = &pack->rules[kept->rule];
    int64_t least, most;
    bool is_plain;
    char value[32], epsilon[32], step[32], when[32];

    policy_output_range(&rule->document, &least, &most, &is_plain);
    int digits = is_plain ? 0 : digits_of_scale(rule->policy.scale);
    fixed_format(kept->value, digits, value);
    fixed_format(rule->policy.reading.ueps, 6, epsilon);
    fixed_format(1, digits, step);
    time_format(kept->time_ms, when);
    buffer_format(out, "{\"sensor\":\"%s\",\"value\":\"%s\",\"unit\":", rule->sensor, value);
    buffer_json(out, rule->policy.unit_text);
    buffer_format(out, ",\"time\":\"%s\",\"policy_version\":%lld,\"epsilon\":\"%s\",\"step\":\"%s\"", when,
                  (long long)rule->policy.version, epsilon, step);
    buffer_format(out, ",\"mechanism\":\"%s\"", rule->policy.mechanism);
    if (rule->document.memo_step > 0)
        buffer_text(out, ",\"memoised\":true");
    if (policy_is_answered(&rule->document)) {
        buffer_format(out, ",\"truth\":%u,\"lie\":%u", rule->document.parameter_num, rule->document.parameter_den);
        fixed_format(rule->policy.lower, digits_of_scale(rule->policy.scale), value);
        fixed_format(rule->policy.upper, digits_of_scale(rule->policy.scale), step);
        buffer_format(out, ",\"lower\":\"%s\",\"upper\":\"%s\"}", value, step);
        return;
    }
    buffer_format(out, ",\"scale_num\":%u,\"scale_den\":%u}", rule->document.parameter_num,
                  rule->document.parameter_den);
}

static void rows_put(struct buffer *out, const struct pack *pack, const struct taker *taker)
{
    const char *separator = "";
    char received[32];

    time_format(pack->now_ms, received);
    buffer_text(out, "{\"device\":");
    buffer_json(out, pack->device.name);
    buffer_format(out, ",\"received\":\"%s\",\"noised\":\"on the device\",\"rows\":[", received);
    for (unsigned i = 0; i < pack->kept_count; i++) {
        if ((taker->rules >> pack->kept[i].rule & 1) == 0)
            continue;
        buffer_text(out, separator);
        row_put(out, pack, &pack->kept[i]);
        separator = ",";
    }
    buffer_text(out, "]}");
}

static int rows_queue(struct core *core, const struct pack *pack, const struct taker *taker, int64_t first_id)
{
    struct buffer body;

    buffer_init(&body, OUTBOX_BODY_MAX);
    rows_put(&body, pack, taker);
    int r = body.fault;
    if (r == 0)
        r = export_queue(core, taker->tenant_id, "rows", first_id, buffer_view(&body));
    buffer_deinit(&body);
    return r;
}

/* ---- charges ---- */

static int filter_refuse(struct core *core, struct pack *pack, const struct charge *charge,
                         const struct charge_refused *refused, struct why *why)
{
    struct charge_standing standing;
    char name[32], spent[32], cap[32], more[32], next[32];

    int r = ledger_filter(core, pack->device.id, pack->epoch, &standing);
    if (r != 0)
        return r;
    pack->counter = COUNT_TELEMETRY_OVER_BUDGET;
    if (refused->scope == CHARGE_LIFE)
        return refuse(why, REFUSED_EXHAUSTED, "device", NULL,
                      "device %s has lost all that it may lose in its whole life", pack->device.name);
    ledger_epoch_name(core, pack->epoch, name);
    time_format(ledger_epoch_start_ms(core, pack->epoch + 1), next);
    struct loss whole = loss_of_caps(&standing.cap);
    loss_amount_format(&standing.spent, refused->currency, spent);
    loss_amount_format(&whole, refused->currency, cap);
    loss_amount_format(&charge->loss, refused->currency, more);
    return refuse(why, REFUSED_EXHAUSTED, "device", "the next epoch has its own filter",
                  "the filter of device %s for epoch %s has spent %s of %s %s%s and this pack asks %s more; the next "
                  "epoch begins %s",
                  pack->device.name, name, spent, cap, loss_currency_name(refused->currency),
                  refused->scope == CHARGE_POOL ? " (some of which is reserved to tenants)" : "", more, next);
}

static int taker_charge(struct core *core, const struct pack *pack, const struct taker *taker, int64_t first_id)
{
    struct charge charge = {
        .cause = "telemetry",
        .cause_id = first_id,
        .tenant_id = taker->tenant_id,
        .epoch = pack->epoch,
        .loss = taker->loss,
    };

    int r = ledger_caps(core, pack->now_ms, &charge);
    return r != 0 ? r : core->store->charge(core->store, &charge, NULL);
}

static int pack_charge(struct core *core, struct pack *pack, int64_t first_id, struct why *why)
{
    struct cohort_member member;
    struct cohort cohort = cohort_of_one(pack->device.id, &member);
    struct charge_refused refused = { 0 };
    struct charge charge = {
        .cause = "telemetry",
        .cause_id = first_id,
        .cohort = &cohort,
        .epoch = pack->epoch,
        .loss = rules_cost(pack, UINT64_MAX),
    };

    int r = ledger_caps(core, pack->now_ms, &charge);
    if (r == 0)
        r = core->store->charge(core->store, &charge, &refused);
    if (r == REFUSED_EXHAUSTED)
        return filter_refuse(core, pack, &charge, &refused, why);
    for (unsigned i = 0; r == 0 && i < pack->taker_count; i++) {
        const struct taker *taker = &pack->takers[i];
        if (!taker->has_sinks)
            continue;
        r = taker_charge(core, pack, taker, first_id);
        if (r == 0)
            r = rows_queue(core, pack, taker, first_id);
        if (r > 0) /* payer_check saw that it fits, in this same transaction */
            r = -EIO;
    }
    return r;
}

int pack_store(struct core *core, struct pack *pack, struct why *why)
{
    bool noised = pack->telemetry->policy_version > 0;
    int64_t first_id = 0;

    for (unsigned i = 0; i < pack->kept_count; i++) {
        const struct rule *rule = &pack->rules[pack->kept[i].rule];
        if (rule->policy.dimension > 0) {
            int fault = vector_keep(core, pack, &pack->kept[i], why);
            if (fault != 0)
                return fault;
            continue;
        }
        struct reading reading = {
            .device_id = pack->device.id,
            .epoch = pack->epoch,
            .received_ms = pack->now_ms,
            .value = pack->kept[i].value,
            .scale = noised && policy_is_answered(&rule->document) ? READING_ANSWER : rule->policy.scale,
            .policy_version = rule->policy.version,
            .noised = noised,
        };
        snprintf(reading.sensor, sizeof(reading.sensor), "%s", rule->sensor);
        int r = core->store->reading_insert(core->store, &reading);
        if (r != 0)
            return r;
        if (i == 0)
            first_id = reading.id;
    }
    return noised ? pack_charge(core, pack, first_id, why) : 0;
}
