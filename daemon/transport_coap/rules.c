#include "daemon/transport_coap/rules.h"

static const struct coap_rules rules_of_core = {
    .register_endpoint = directory_register,
    .update = directory_update,
    .remove = directory_remove,
    .list = directory_list,
    .fetch = rollout_on_fetch,
    .report = rollout_on_report,
    .telemetry = collect_telemetry,
    .policy = policy_document,
    .answer = device_on_answer,
};

int transport_coap_new(struct core *core, struct loop *loop, const struct transport_coap_settings *settings,
                       struct transport_coap **out, struct why *why)
{
    return transport_coap_new_with(&rules_of_core, core, loop, settings, out, why);
}
