/* handlers.h - one row per route of the table in route.c; each lives in the file of its resource. */
#ifndef TINYPART_API_HANDLERS_H
#define TINYPART_API_HANDLERS_H

#include "daemon/api/request.h"

#define HANDLER(name) int name(struct request *request, struct why *why)

HANDLER(version_get);
HANDLER(status_show);
HANDLER(openapi_get);
HANDLER(tenants_list);
HANDLER(tenants_create);
HANDLER(tenants_get);
HANDLER(tenant_keys_list);
HANDLER(tenant_keys_add);
HANDLER(tenant_keys_revoke);
HANDLER(devices_list);
HANDLER(devices_create);
HANDLER(devices_get);
HANDLER(devices_delete);
HANDLER(devices_claim);
HANDLER(devices_label);
HANDLER(devices_move);
HANDLER(devices_trust);
HANDLER(devices_run);
HANDLER(profiles_list);
HANDLER(profiles_get);
HANDLER(images_list);
HANDLER(images_push);
HANDLER(images_get);
HANDLER(grants_list);
HANDLER(grants_create);
HANDLER(grants_get);
HANDLER(grants_revoke);
HANDLER(rollouts_list);
HANDLER(rollouts_create);
HANDLER(rollouts_get);
HANDLER(rollouts_steps);
HANDLER(rollouts_pause);
HANDLER(rollouts_resume);
HANDLER(rollouts_abort);
HANDLER(policies_list);
HANDLER(policies_set);
HANDLER(policies_get);
HANDLER(budgets_get);
HANDLER(budgets_set);
HANDLER(budgets_epochs);
HANDLER(ledger_verdict);
HANDLER(ledger_export_show);
HANDLER(filter_raise);
HANDLER(releases_list);
HANDLER(releases_create);
HANDLER(releases_preview);
HANDLER(releases_get);
HANDLER(releases_answer);
HANDLER(releases_explanation);
HANDLER(schedules_list);
HANDLER(schedules_create);
HANDLER(schedules_preview);
HANDLER(schedules_get);
HANDLER(schedules_pause);
HANDLER(schedules_resume);
HANDLER(schedules_delete);
HANDLER(sinks_list);
HANDLER(sinks_create);
HANDLER(sinks_get);
HANDLER(sinks_delete);
HANDLER(exports_list);
HANDLER(audit_entries_list);
HANDLER(audit_chain_verify);
HANDLER(tokens_list);
HANDLER(tokens_create);
HANDLER(tokens_revoke);

#undef HANDLER

extern const struct form tenant_create_form;
extern const struct form tenant_key_form;
extern const struct form device_create_form;
extern const struct form device_claim_form;
extern const struct form device_label_form;
extern const struct form device_move_form;
extern const struct form device_trust_form;
extern const struct form grant_form;
extern const struct form rollout_form;
extern const struct form policy_form;
extern const struct form budget_form;
extern const struct form filter_form;
extern const struct form release_form;
extern const struct form schedule_form;
extern const struct form sink_form;
extern const struct form token_form;

#endif
