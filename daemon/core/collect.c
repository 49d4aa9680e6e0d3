/* collect.c - packs of readings that devices post.
 *
 * Everything unknown is refused and counted, and nothing of it is kept (I7): who posts must be a claimed device of a
 * kind that posts, speaking for itself; its sensors must have a policy and a tenant that a live grant gives them. A
 * reading belongs to the epoch in which it came in, by the ledger's time: a device's clock decides nothing.
 *
 * Readings noised on board leave at once as rows to the tenants who may have them, so they are charged at once: to the
 * device's filter once, since all tenants get the same noised number, and to the budget of each tenant that gets the
 * row. The charges are the record of that; an audit entry for every pack would bury what people did. */
#include "daemon/core/collect.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/base/cleanup.h"
#include "daemon/core/audit.h"
#include "daemon/core/budget.h"
#include "daemon/core/collect_internal.h"
#include "daemon/core/ledger.h"
#include "daemon/core/texts.h"
#include "daemon/core/transaction.h"

#define AUDITED_FACT "telemetry_dry_epoch"

static int device_check(struct core *core, struct pack *pack, struct why *why)
{
    const char *endpoint = pack->telemetry->endpoint;
    struct device *device = &pack->device;

    int r = core->store->device_by_name(core->store, endpoint, device);
    if (r == REFUSED_UNKNOWN || (r == 0 && device->state != DEVICE_CLAIMED))
        return refuse(why, REFUSED_UNKNOWN, "d", "claim it first: tinypartctl device claim",
                      "no claimed device posts here under that name");
    if (r == 0)
        r = core->store->profile_by_name(core->store, device->profile, &pack->profile);
    if (r != 0)
        return r;
    if (device->suspect_ms > 0) {
        pack->counter = COUNT_TELEMETRY_SUSPECT;
        return refuse(why, REFUSED_FORBIDDEN, "d", "look into it, then: tinypartctl device trust",
                      "device %s is suspect: nothing of it is taken", device->name);
    }
    if (!pack->profile.telemetry)
        return refuse(why, REFUSED_FORBIDDEN, "d", NULL, "devices of profile %s post no readings", pack->profile.name);
    return 0;
}

static int peer_check(const struct core *core, const struct pack *pack, struct why *why)
{
    const struct telemetry *telemetry = pack->telemetry;

    if (telemetry->authenticated)
        return 0;
    if (!core->settings.telemetry_plain || !pack->profile.telemetry_plain)
        return refuse(why, REFUSED_FORBIDDEN, "peer", "post over DTLS, or let the operator allow plain telemetry",
                      "readings of unauthenticated peers are not taken");
    if (!peer_is_host_of(telemetry->peer, pack->device.address))
        return refuse(why, REFUSED_FORBIDDEN, "peer", "let the device register its address",
                      "the readings of device %s did not come from its registered address", pack->device.name);
    return 0;
}

/* Noise that a kind of device does not add would be a claim that nobody made. Raw readings of one that ought to noise
 * are looked at sensor by sensor. */
static int noising_check(const struct core *core, struct pack *pack, struct why *why)
{
    bool noised = pack->telemetry->policy_version > 0;

    if (pack->telemetry->policy_version >= 0 && (!noised || pack->profile.noises_on_board))
        return noised ? ledger_usable(core, why) : 0;
    return pack_offend(pack, REFUSED_FORBIDDEN, "p", why,
                       "a kind of device that does not noise on board said that it had: %s", pack->profile.name);
}

/* The newest number once more is the same pack: its answer was lost. Of an older one nobody can tell any more whether
 * it was taken, so it must not be confirmed. */
static int sequence_raise(struct core *core, struct pack *pack, struct why *why)
{
    uint64_t sequence = pack->telemetry->sequence;

    if (sequence > INT64_MAX)
        return refuse(why, REFUSED_INVALID, "s", NULL, "a sequence number has at most 63 bits");
    int r = core->store->device_telemetry_sequence(core->store, pack->device.id, sequence);
    if (r != REFUSED_CONFLICT)
        return r;
    pack->counter = COUNT_TELEMETRY_DUPLICATE;
    if (sequence < pack->device.telemetry_sequence)
        return refuse(why, REFUSED_CONFLICT, "s", "send one pack at a time, with rising numbers",
                      "sequence number %llu of device %s is behind its newest, %llu", (unsigned long long)sequence,
                      pack->device.name, (unsigned long long)pack->device.telemetry_sequence);
    return refuse(why, REFUSED_EXISTS, "s", NULL, "sequence number %llu of device %s was seen before",
                  (unsigned long long)sequence, pack->device.name);
}

static int pack_take(struct core *core, struct pack *pack, struct why *why)
{
    pack->counter = COUNT_TELEMETRY_REFUSED;
    if (pack->telemetry->count < 1 || pack->telemetry->count > RECORDS_PER_PACK_MAX)
        return refuse(why, REFUSED_TOO_LARGE, "payload", NULL, "a pack has 1 to %d records", RECORDS_PER_PACK_MAX);
    int r = ledger_now_ms(core, &pack->now_ms);
    if (r == 0)
        r = device_check(core, pack, why);
    if (r == 0)
        r = peer_check(core, pack, why);
    if (r == 0)
        r = noising_check(core, pack, why);
    if (r == 0)
        r = sequence_raise(core, pack, why);
    if (r != 0)
        return r;
    pack->epoch = ledger_epoch(core, pack->now_ms);
    r = pack_read(core, pack, why);
    if (r == 0 && pack->telemetry->policy_version > 0)
        r = pack_watch(core, pack, why);
    if (r == 0)
        r = pack_takers(core, pack, why);
    if (r == 0 && pack->telemetry->policy_version > 0)
        r = pack_payers(core, pack, why);
    if (r == 0)
        r = pack_store(core, pack, why);
    if (r == 0)
        r = core->store->device_seen(core->store, pack->device.id, pack->now_ms);
    return r;
}

/* The first pack of an epoch that is refused for want of budget is noted; the counter says how many followed. An entry
 * for each would let one device fill the record. */
static int audit_dry(struct core *core, const struct pack *pack, const struct why *why)
{
    struct detail detail = DETAIL;
    char subject[96];
    int64_t noted = -1;

    int r = core->store->fact_get(core->store, AUDITED_FACT, &noted);
    if ((r != 0 && r != REFUSED_UNKNOWN) || (r == 0 && noted >= pack->epoch))
        return r;
    r = core->store->begin(core->store);
    if (r != 0)
        return r;
    snprintf(subject, sizeof(subject), "device:%s", pack->device.name);
    detail_text(&detail, "reason", why->what);
    r = core->store->fact_set(core->store, AUDITED_FACT, pack->epoch);
    if (r == 0)
        r = audit_append(core, NULL, "telemetry.exhausted", subject, 0, detail_end(&detail));
    return transaction_end(core, r);
}

int collect_telemetry(struct core *core, const struct telemetry *telemetry, struct why *why)
{
    _cleanup_free_ struct pack *pack = calloc(1, sizeof(*pack));
    struct why own;

    if (pack == NULL)
        return -ENOMEM;
    pack->telemetry = telemetry;
    why = why != NULL ? why : &own;
    memset(why, 0, sizeof(*why));
    int r = core->store->begin(core->store);
    if (r != 0)
        return r;
    r = transaction_end(core, pack_take(core, pack, why));
    if (r == 0)
        core->counters[COUNT_TELEMETRY_STORED]++;
    else if (r > 0)
        core->counters[pack->counter]++;
    if (r > 0 && (pack->is_over || pack->offence[0] != '\0')) {
        int fault = pack_remember(core, pack);
        if (fault < 0)
            return fault;
    }
    if (r == REFUSED_EXHAUSTED) {
        int fault = audit_dry(core, pack, why);
        if (fault < 0)
            return fault;
    }
    return r;
}
