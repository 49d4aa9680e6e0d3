/* collect_watch.c - devices that noise on board, held to their policy.
 *
 * What they send wrong is refused with everything taken back; that they did, and how many readings too many there were,
 * is kept in a transaction of its own. A device counts its epochs by its own clock, so an honest one may give the
 * readings of two of its epochs within one of ours, and no more. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "daemon/core/audit.h"
#include "daemon/core/collect_internal.h"
#include "daemon/core/texts.h"
#include "daemon/core/transaction.h"
#include "daemon/core/watch.h"

#define CLOCKS_APART 2

int pack_offend(struct pack *pack, int refusal, const char *where, struct why *why, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(pack->offence, sizeof(pack->offence), format, arguments);
    va_end(arguments);
    pack->counter = COUNT_TELEMETRY_OUT_OF_POLICY;
    return refuse(why, refusal, where, "the device is suspect now: tinypartctl device show", "%s", pack->offence);
}

static int watch_open(struct core *core, const struct pack *pack, const struct rule *rule, struct watch *out)
{
    uint8_t state[WATCH_SIZE];
    int r = core->store->watch_get(core->store, pack->device.id, rule->sensor, state);

    if (r < 0)
        return r;
    if (r == 0)
        watch_decode(state, out);
    else
        memset(out, 0, sizeof(*out));
    watch_begin(out, rule->policy.version, pack->epoch);
    return 0;
}

static int watch_keep(struct core *core, const struct pack *pack, const struct rule *rule, const struct watch *watch)
{
    uint8_t state[WATCH_SIZE];

    watch_encode(watch, state);
    return core->store->watch_put(core->store, pack->device.id, rule->sensor, state);
}

static int limit_check(struct pack *pack, unsigned index, const struct watch *watch, struct why *why)
{
    const struct rule *rule = &pack->rules[index];

    if (watch->given <= rule->policy.contributions)
        return 0;
    pack->is_over = true;
    pack->over_rule = index;
    if (watch->given > CLOCKS_APART * rule->policy.contributions)
        return pack_offend(pack, REFUSED_FORBIDDEN, rule->sensor, why,
                           "it gave more than twice the %lld readings of sensor %s that it may give in an epoch",
                           (long long)rule->policy.contributions, rule->sensor);
    pack->counter = COUNT_TELEMETRY_OUT_OF_POLICY;
    return refuse(why, REFUSED_FORBIDDEN, rule->sensor, "wait for the next epoch",
                  "a device may give %lld readings of sensor %s in an epoch", (long long)rule->policy.contributions,
                  rule->sensor);
}

static int64_t readings_of(const struct pack *pack, unsigned index)
{
    int64_t count = 0;

    for (unsigned i = 0; i < pack->kept_count; i++)
        count += pack->kept[i].rule == index;
    return count;
}

static int rule_watch(struct core *core, struct pack *pack, unsigned index, struct why *why)
{
    const struct rule *rule = &pack->rules[index];
    struct watch watch;

    int r = watch_open(core, pack, rule, &watch);
    if (r != 0)
        return r;
    watch.given += readings_of(pack, index);
    r = limit_check(pack, index, &watch, why);
    for (unsigned i = 0; r == 0 && i < pack->kept_count; i++) {
        if (pack->kept[i].rule != index)
            continue;
        enum watch_verdict verdict = watch_look(&watch, &rule->document, pack->kept[i].value);
        if (verdict != WATCH_FINE)
            r = pack_offend(pack, REFUSED_FORBIDDEN, rule->sensor, why,
                            "sensor %s: %s (chance: below 1 in 10^9 an epoch)", rule->sensor,
                            watch_verdict_text(verdict));
    }
    return r != 0 ? r : watch_keep(core, pack, rule, &watch);
}

int pack_watch(struct core *core, struct pack *pack, struct why *why)
{
    int r = 0;

    for (unsigned i = 0; r == 0 && i < pack->rule_count; i++)
        if (pack->rules[i].has_policy)
            r = rule_watch(core, pack, i, why);
    return r;
}

static int offence_note(struct core *core, const struct pack *pack)
{
    struct detail detail = DETAIL;
    char subject[96];

    int r = core->store->device_suspect(core->store, pack->device.id, pack->now_ms, pack->offence);
    if (r != 0)
        return r;
    core->counters[COUNT_TELEMETRY_SUSPECT]++;
    snprintf(subject, sizeof(subject), "device:%s", pack->device.name);
    detail_text(&detail, "reason", pack->offence);
    return audit_append(core, NULL, "device.suspect", subject, 0, detail_end(&detail));
}

static int over_note(struct core *core, const struct pack *pack)
{
    const struct rule *rule = &pack->rules[pack->over_rule];
    struct watch watch;

    int r = watch_open(core, pack, rule, &watch);
    if (r != 0)
        return r;
    watch.given += readings_of(pack, pack->over_rule);
    return watch_keep(core, pack, rule, &watch);
}

int pack_remember(struct core *core, const struct pack *pack)
{
    int r = core->store->begin(core->store);

    if (r != 0)
        return r;
    r = pack->offence[0] != '\0' ? offence_note(core, pack) : over_note(core, pack);
    return transaction_end(core, r);
}
