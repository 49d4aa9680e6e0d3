/* audit.h - the hash-chained record of who did what. Written in the same transaction as the deed. */
#ifndef TINYPART_CORE_AUDIT_H
#define TINYPART_CORE_AUDIT_H

#include "daemon/core/core.h"
#include "daemon/core/limits.h"

struct caller;

struct audit_entry {
    int64_t sequence; /* 1, 2, 3, ... without a gap */
    int64_t at_ms;
    char actor[ACTOR_SIZE];        /* "uid:0", token name, "device:thermo-1", "tinypartd" */
    char action[48];               /* "rollout.create" */
    char subject[96];              /* "rollout:7" */
    int64_t tenant_id;             /* 0: of all */
    char detail[1024];             /* JSON object */
    uint8_t previous[DIGEST_SIZE]; /* hash of the entry before; zeros for the first */
    uint8_t hash[DIGEST_SIZE];     /* SHA-256 over previous and the entry's canonical CBOR */
};

/* Appends within the caller's transaction. caller NULL: the daemon itself. */
int audit_append(struct core *core, const struct caller *caller, const char *action, const char *subject,
                 int64_t tenant_id, const char *detail_json);
/* The same for an actor who is no caller: "device:thermo-1". */
int audit_append_as(struct core *core, const char *actor, const char *action, const char *subject, int64_t tenant_id,
                    const char *detail_json);
int audit_list(struct core *core, const struct caller *caller, struct page page,
               int (*each)(void *context, const struct audit_entry *entry), void *context, struct why *why);
/* Walks the whole chain. 0 when it could be walked: whether it holds says the verdict. */
struct audit_verdict {
    int64_t entries;
    int64_t broken_at; /* 0: the chain holds */
    uint8_t head[DIGEST_SIZE];
    struct why why;
};
int audit_verify(struct core *core, const struct caller *caller, struct audit_verdict *out, struct why *why);

#endif
