/* verbs.h - each domain's file sets its own verbs; this is the list of them. */
#ifndef TINYPART_STORE_SQLITE_VERBS_H
#define TINYPART_STORE_SQLITE_VERBS_H

#include "daemon/core/ports/store.h"

void store_tenant_verbs(struct store *verbs);
void store_profile_verbs(struct store *verbs);
void store_device_verbs(struct store *verbs);
void store_directory_verbs(struct store *verbs);
void store_slot_verbs(struct store *verbs);
void store_grant_verbs(struct store *verbs);
void store_image_verbs(struct store *verbs);
void store_rollout_verbs(struct store *verbs);
void store_step_verbs(struct store *verbs);
void store_fetch_verbs(struct store *verbs);
void store_policy_verbs(struct store *verbs);
void store_ledger_verbs(struct store *verbs);
void store_recount_verbs(struct store *verbs); /* parts of the ledger */
void store_rows_verbs(struct store *verbs);
void store_reading_verbs(struct store *verbs);
void store_vector_verbs(struct store *verbs);
void store_release_verbs(struct store *verbs);
void store_running_verbs(struct store *verbs);
void store_schedule_verbs(struct store *verbs);
void store_export_verbs(struct store *verbs);
void store_audit_verbs(struct store *verbs);

#endif
