/* rules.h - what this room asks of the rules, as a table, so that the tests can stand in for them. */
#ifndef TINYPART_TRANSPORT_COAP_RULES_H
#define TINYPART_TRANSPORT_COAP_RULES_H

#include "daemon/core/asking.h"
#include "daemon/core/collect.h"
#include "daemon/core/directory.h"
#include "daemon/core/policy.h"
#include "daemon/core/rollout.h"
#include "daemon/transport_coap/transport_coap.h"

/* Each one as the function of the core whose name rules.c puts there. */
struct coap_rules {
    int (*register_endpoint)(struct core *core, const struct registration_order *order, struct registration *out,
                             struct why *why);
    int (*update)(struct core *core, const char *location, int64_t lifetime_s, const char *base, struct why *why);
    int (*remove)(struct core *core, const char *location, struct why *why);
    int (*list)(struct core *core, const struct directory_query *query,
                int (*each)(void *context, const struct registration *registration), void *context);
    int (*fetch)(struct core *core, const char *path, uint64_t offset, uint8_t *out, size_t capacity,
                 struct fetch_block *out_block);
    int (*report)(struct core *core, struct bytes report, struct why *why);
    int (*telemetry)(struct core *core, const struct telemetry *telemetry, struct why *why);
    int (*policy)(struct core *core, const char *sensor, struct policy *out);
    void (*answer)(struct core *core, const struct transport_answer *answer);
};

/* transport_coap_new with rules of one's own; they must outlive the transport. */
int transport_coap_new_with(const struct coap_rules *rules, struct core *core, struct loop *loop,
                            const struct transport_coap_settings *settings, struct transport_coap **out,
                            struct why *why);

#endif
