/* collect_pack.c - a pack's records into readings, and who may have them.
 *
 * The names of records that device thermo-1 may send of its temperature: "temperature", "thermo-1/temperature",
 * "thermo-1:temperature", and "urn:dev:ep:thermo-1:temperature" with ":", "/" or "_" in the last place. Anything else
 * is refused: a name that speaks of another device must never be taken for one's own. */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "daemon/base/text.h"
#include "daemon/core/accuracy.h"
#include "daemon/core/collect_internal.h"
#include "daemon/core/list.h"
#include "daemon/core/ports/clock.h"

#define URN         "urn:dev:ep:"
#define TIME_OFF_MS 86400000LL /* a record's time may differ from ours by a day */

/* The host of coap://host:port as an IPv6 address, an IPv4 one mapped; a zone is cut off: it is the machine's own. */
static bool host_parse(const char *address, struct in6_addr *out)
{
    static const char scheme[] = "coap://";
    char host[ADDRESS_SIZE];
    struct in_addr four;

    if (strncmp(address, scheme, strlen(scheme)) != 0)
        return false;
    address += strlen(scheme);
    address += *address == '[';
    size_t size = strcspn(address, address[-1] == '[' ? "%]" : ":/");
    if (text_copy_bytes(host, sizeof(host), bytes_view(address, size)) != 0)
        return false;
    if (inet_pton(AF_INET6, host, out) == 1)
        return true;
    if (inet_pton(AF_INET, host, &four) != 1)
        return false;
    memset(out, 0, sizeof(*out));
    out->s6_addr[10] = out->s6_addr[11] = 0xff;
    memcpy(&out->s6_addr[12], &four, sizeof(four));
    return true;
}

bool peer_is_host_of(const char *peer, const char *address)
{
    struct in6_addr one, other;

    return host_parse(peer, &one) && host_parse(address, &other) && memcmp(&one, &other, sizeof(one)) == 0;
}

/* What follows the device's own prefix; the whole name where it has none. */
static const char *sensor_of_name(const char *name, const char *device)
{
    size_t urn = strncmp(name, URN, strlen(URN)) == 0 ? strlen(URN) : 0;
    size_t size = strlen(device);
    const char *rest = name + urn;

    if (strncmp(rest, device, size) != 0)
        return name;
    if (rest[size] == '/' || rest[size] == ':' || (urn > 0 && rest[size] == '_'))
        return rest + size + 1;
    return name;
}

/* The version that noised readings name: the newest, or for one epoch after its end the one before. */
static int version_find(struct core *core, struct pack *pack, struct rule *rule, struct why *why)
{
    int64_t named = pack->telemetry->policy_version;
    struct policy *policy = &rule->policy;

    if (named == 0 || named == policy->version)
        return 0;
    if (named > policy->version)
        return pack_offend(pack, REFUSED_CONFLICT, "p", why,
                           "it named version %lld of the policy of sensor %s, which was never made", (long long)named,
                           rule->sensor);
    if (named == policy->version - 1 && pack->now_ms < policy->created_ms + core->settings.epoch_ms)
        return core->store->policy_version(core->store, rule->sensor, named, policy);
    pack->counter = COUNT_TELEMETRY_OUT_OF_POLICY;
    return refuse(why, REFUSED_CONFLICT, "p", "fetch the policy again",
                  "version %lld of the policy of sensor %s does not hold: it is version %lld now", (long long)named,
                  rule->sensor, (long long)policy->version);
}

/* Raw readings of a device that ought to noise would undo its promise. */
static int shape_check(struct pack *pack, const struct rule *rule, struct why *why)
{
    bool noised = pack->telemetry->policy_version > 0;

    if (!pack->profile.noises_on_board || noised == (rule->document.mechanism != POLICY_NONE))
        return 0;
    return pack_offend(pack, REFUSED_FORBIDDEN, "p", why,
                       noised ? "it said that it had noised sensor %s, whose policy has it send raw readings"
                              : "it sent raw readings of sensor %s, which it must noise on board and say by which "
                                "version of the policy",
                       rule->sensor);
}

static int rule_load(struct core *core, struct pack *pack, struct rule *rule, struct why *why)
{
    int r = core->store->policy_newest(core->store, rule->sensor, &rule->policy);

    rule->has_policy = r == 0;
    if (r == REFUSED_UNKNOWN)
        return 0;
    if (r == 0)
        r = version_find(core, pack, rule, why);
    if (r != 0)
        return r;
    /* It was checked and signed when it was set. */
    r = policy_doc_parse(bytes_view(rule->policy.document, rule->policy.document_size), &rule->document);
    if (r != 0)
        return r > 0 ? -EBADMSG : r;
    return shape_check(pack, rule, why);
}

static int rule_find(struct core *core, struct pack *pack, const char *sensor, unsigned *out, struct why *why)
{
    for (unsigned i = 0; i < pack->rule_count; i++) {
        if (strcmp(pack->rules[i].sensor, sensor) != 0)
            continue;
        *out = i;
        return 0;
    }
    struct rule *rule = &pack->rules[pack->rule_count]; /* no more sensors than records */
    int r = text_copy(rule->sensor, sizeof(rule->sensor), sensor);
    if (r == 0)
        r = rule_load(core, pack, rule, why);
    if (r == 0)
        *out = pack->rule_count++;
    return r;
}

static int value_read(struct pack *pack, const struct rule *rule, const struct senml_record *record, struct kept *kept,
                      struct why *why)
{
    const struct policy *policy = &rule->policy;
    int64_t least, most, *out = &kept->value;
    bool is_plain;

    if (policy->dimension == 0 && record->kind == SENML_DATA)
        return pack_misshape(pack, rule, why, "a data value (vd) instead of a number");
    if (policy->dimension == 0 && (record->kind != SENML_NUMBER || record->has_sum))
        return refuse(why, REFUSED_INVALID, rule->sensor, NULL, "a reading of sensor %s is one number", rule->sensor);
    if (strcmp(record->unit, policy->unit_text) != 0) {
        pack->counter = COUNT_TELEMETRY_OUT_OF_POLICY;
        return refuse(why, REFUSED_INVALID, rule->sensor, NULL, "sensor %s is measured in \"%s\", not in \"%s\"",
                      rule->sensor, policy->unit_text, record->unit);
    }
    if (policy->dimension > 0)
        return vector_take(pack, rule, record, &kept->vector, why);
    policy_output_range(&rule->document, &least, &most, &is_plain);
    is_plain = is_plain && pack->telemetry->policy_version > 0;
    if (decimal_scale(record->number, is_plain ? 1 : (uint32_t)policy->scale, out) != 0)
        return refuse(why, REFUSED_INVALID, rule->sensor, NULL, "a reading of sensor %s is beyond all bounds",
                      rule->sensor);
    if (pack->telemetry->policy_version == 0 ||
        (*out >= least && *out <= most && (!is_plain || record->number.exponent10 >= 0)))
        return 0;
    return pack_offend(pack, REFUSED_INVALID, rule->sensor, why,
                       "a noised reading of sensor %s is none that its policy lets out", rule->sensor);
}

static int record_read(struct core *core, struct pack *pack, const struct senml_record *record, struct why *why)
{
    const char *sensor = sensor_of_name(record->name, pack->device.name);
    struct kept kept = { .time_ms = senml_time(record, pack->now_ms) };

    if (!name_is_valid(sensor))
        return refuse(why, REFUSED_INVALID, "n", "name it \"sensor\" or \"device/sensor\"",
                      "a record's name is not one of device %s's sensors", pack->device.name);
    int r = rule_find(core, pack, sensor, &kept.rule, why);
    if (r != 0)
        return r;
    if (!pack->rules[kept.rule].has_policy) {
        core->counters[COUNT_TELEMETRY_NO_POLICY]++;
        return 0;
    }
    r = value_read(pack, &pack->rules[kept.rule], record, &kept, why);
    if (r != 0)
        return r;
    if (kept.time_ms < pack->now_ms - TIME_OFF_MS || kept.time_ms > pack->now_ms + TIME_OFF_MS)
        return refuse(why, REFUSED_INVALID, "t", "set the device's clock, or send no time",
                      "a record's time is more than a day away");
    pack->kept[pack->kept_count++] = kept;
    return 0;
}

int pack_read(struct core *core, struct pack *pack, struct why *why)
{
    for (size_t i = 0; i < pack->telemetry->count; i++) {
        int r = record_read(core, pack, &pack->telemetry->records[i], why);
        if (r != 0)
            return r;
    }
    if (pack->kept_count > 0)
        return 0;
    return refuse(why, REFUSED_FORBIDDEN, "n", "set one: tinypartctl policy set",
                  "there is no policy for any sensor of this pack");
}

/* ---- who may have them ---- */

struct grant_walk {
    struct pack *pack;
    int64_t last_id;
    unsigned in_page;
};

static int taker_add(struct pack *pack, int64_t tenant_id, uint64_t rules)
{
    unsigned i = 0;

    while (i < pack->taker_count && pack->takers[i].tenant_id != tenant_id)
        i++;
    if (i == TENANTS_MAX)
        return -E2BIG;
    pack->taker_count += i == pack->taker_count;
    pack->takers[i].tenant_id = tenant_id;
    pack->takers[i].rules |= rules;
    return 0;
}

static int grant_look(void *context, const struct grant *grant)
{
    struct grant_walk *walk = context;
    struct pack *pack = walk->pack;
    struct selector selector;
    uint64_t rules = 0;

    walk->in_page++;
    walk->last_id = grant->id;
    for (unsigned i = 0; i < pack->rule_count; i++)
        if (pack->rules[i].has_policy && list_has_name(grant->sensors, pack->rules[i].sensor))
            rules |= 1ull << i;
    if (rules == 0)
        return 0;
    /* It was checked when it was made; one that no longer reads grants nothing. */
    if (selector_parse(grant->selector, &selector, NULL) != 0 ||
        !selector_matches(&selector, pack->device.labels, pack->device.label_count))
        return 0;
    return taker_add(pack, grant->tenant_id, rules);
}

unsigned pack_drop_untaken(struct pack *pack)
{
    unsigned before = pack->kept_count;
    uint64_t taken = 0;

    for (unsigned i = 0; i < pack->taker_count; i++)
        taken |= pack->takers[i].rules;
    pack->kept_count = 0;
    for (unsigned i = 0; i < before; i++)
        if ((taken >> pack->kept[i].rule & 1) != 0)
            pack->kept[pack->kept_count++] = pack->kept[i];
    return before - pack->kept_count;
}

int pack_takers(struct core *core, struct pack *pack, struct why *why)
{
    struct grant_walk walk = { .pack = pack, .in_page = PAGE_MAX };

    while (walk.in_page == PAGE_MAX) {
        struct page page = { walk.last_id, PAGE_MAX };
        walk.in_page = 0;
        int r = core->store->grant_each(core->store, 0, true, clock_now_ms(core->clock), page, grant_look, &walk);
        if (r != 0)
            return r;
    }
    core->counters[COUNT_TELEMETRY_NO_GRANT] += pack_drop_untaken(pack);
    if (pack->kept_count > 0)
        return 0;
    return refuse(why, REFUSED_FORBIDDEN, "d", "the owner can grant them: tinypartctl grant create",
                  "no tenant holds a grant for any sensor of this pack on device %s", pack->device.name);
}
