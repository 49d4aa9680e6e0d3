/* collect_vector.c - vectors on their way in: one data value a record, a typed array of the policy's dimension.
 *
 * They come raw: what hides them is drawn with the sum (release_vector.c). They are kept as they came, since the norm
 * that they are clipped to is that of the newest policy, and whoever sums them clips them. Of one device and epoch the
 * first ones count, as many as the policy says, and no more are kept: the room that a device takes is bounded, and
 * nothing that a release has counted is pushed out. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/base/cleanup.h"
#include "daemon/core/collect_internal.h"
#include "device_proto/vector.h"

int pack_misshape(struct pack *pack, const struct rule *rule, struct why *why, const char *what)
{
    if (pack->profile.noises_on_board)
        return pack_offend(pack, REFUSED_INVALID, rule->sensor, why,
                           "it gave of sensor %s, whose signed policy it has, %s", rule->sensor, what);
    pack->counter = COUNT_TELEMETRY_OUT_OF_POLICY;
    return refuse(why, REFUSED_INVALID, rule->sensor, NULL, "of sensor %s came %s", rule->sensor, what);
}

int vector_take(struct pack *pack, const struct rule *rule, const struct senml_record *record, struct bytes *out,
                struct why *why)
{
    char what[160];
    struct vector_view view;

    if (record->kind != SENML_DATA || record->has_sum)
        return pack_misshape(pack, rule, why, "something else than a vector, which is one data value (vd)");
    int r = vector_parse(record->text, &view);
    if (r != 0) {
        snprintf(what, sizeof(what), "no vector: %s", vector_refusal_text(r));
        return pack_misshape(pack, rule, why, what);
    }
    if (view.dimension != (size_t)rule->policy.dimension) {
        snprintf(what, sizeof(what), "a vector of %zu coordinates instead of %lld", view.dimension,
                 (long long)rule->policy.dimension);
        return pack_misshape(pack, rule, why, what);
    }
    *out = record->text;
    return 0;
}

int vector_keep(struct core *core, struct pack *pack, const struct kept *kept, struct why *why)
{
    const struct rule *rule = &pack->rules[kept->rule];
    struct vector_view view;
    struct vector vector = {
        .device_id = pack->device.id,
        .sensor = rule->sensor,
        .epoch = pack->epoch,
        .received_ms = pack->now_ms,
        .policy_version = rule->policy.version,
        .dimension = rule->policy.dimension,
    };

    if (vector_parse(kept->vector, &view) != 0)
        return -EPROTO; /* vector_take() saw that it is one */
    _cleanup_free_ uint8_t *bytes = malloc(4 * view.dimension);
    if (bytes == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < view.dimension; i++) {
        const uint32_t coordinate = (uint32_t)vector_at(&view, i);
        for (unsigned k = 0; k < 4; k++)
            bytes[4 * i + k] = (uint8_t)(coordinate >> 8 * k);
    }
    vector.coordinates = bytes_view(bytes, 4 * view.dimension);
    int r = core->store->vector_insert(core->store, &vector, rule->policy.contributions);
    if (r != REFUSED_BUSY)
        return r;
    pack->counter = COUNT_TELEMETRY_OUT_OF_POLICY;
    return refuse(why, REFUSED_FORBIDDEN, rule->sensor, "wait for the next epoch",
                  "a device may give %lld vectors of sensor %s in an epoch", (long long)rule->policy.contributions,
                  rule->sensor);
}
