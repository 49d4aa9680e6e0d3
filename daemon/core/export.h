/* export.h - a tenant's sinks and what waits for them. */
#ifndef TINYPART_CORE_EXPORT_H
#define TINYPART_CORE_EXPORT_H

#include <stdbool.h>

#include "daemon/core/core.h"
#include "daemon/core/limits.h"

struct caller;

struct sink {
    int64_t id;
    int64_t tenant_id;
    char tenant[NAME_SIZE];
    char name[NAME_SIZE];
    char kind[16];     /* "file", "http" */
    char config[1024]; /* JSON of that kind */
    int64_t created_ms;
    int64_t waiting; /* outbox rows not yet acknowledged (listings) */
};

struct outbox_row {
    int64_t id;
    int64_t sink_id;
    char sink[NAME_SIZE];
    int64_t tenant_id;
    char tenant[NAME_SIZE];
    char kind[16];   /* "release", "rows" */
    int64_t subject; /* release id, or first reading id */
    int64_t created_ms;
    unsigned attempts;
    int64_t due_ms;
    int64_t delivered_ms;    /* 0: waiting */
    char error[REASON_SIZE]; /* of the last try */
    char idempotency[40];
};

struct sink_order {
    const char *tenant, *name, *kind, *config;
};
int sink_create(struct core *core, const struct caller *caller, const struct sink_order *order, struct sink *out,
                struct why *why);
int sink_get(struct core *core, const struct caller *caller, const char *tenant, const char *name, struct sink *out,
             struct why *why);
int sink_list(struct core *core, const struct caller *caller, struct page page,
              int (*each)(void *context, const struct sink *sink), void *context, struct why *why);
/* What waits for it is dropped with it, and said so in the audit record. */
int sink_delete(struct core *core, const struct caller *caller, const char *tenant, const char *name, struct why *why);
int export_list(struct core *core, const struct caller *caller, struct page page,
                int (*each)(void *context, const struct outbox_row *row), void *context, struct why *why);

/* Allocates core->exports. Deliveries under way at a stop are due again at the next start: their idempotency key makes
 * the repeat harmless. */
int export_start(struct core *core);
void export_stop(struct core *core);

/* How many sinks a tenant has, and how many of them still have room for one more row. */
int export_room(struct core *core, int64_t tenant_id, unsigned *out_sinks, unsigned *out_open);

/* Adds one body to the outbox of every sink of a tenant that has room, within the caller's transaction (I1). A full
 * sink misses the row, which is counted: who must not lose one asks export_room first. */
int export_queue(struct core *core, int64_t tenant_id, const char *kind, int64_t subject, struct bytes body);

/* Forgets deliveries that were acknowledged long ago, a batch of them; *out_more: there may be more. */
int export_expire(struct core *core, int64_t now_ms, bool *out_more);

/* Hands due deliveries to their sinks, one a sink at a time, oldest first. */
int export_tick(struct core *core, int64_t now_ms, int64_t *out_next_ms);
/* A sink's outcome: delivered, or an error in words (retried with backoff and jitter, for ever). */
int export_on_outcome(struct core *core, int64_t delivery_id, bool delivered, const char *error);

#endif
