/* collect.h - readings come in: posted by devices, or polled from tenants' containers where devices never post. */
#ifndef TINYPART_CORE_COLLECT_H
#define TINYPART_CORE_COLLECT_H

#include <stdbool.h>

#include "daemon/core/core.h"
#include "daemon/core/limits.h"
#include "daemon/core/ports/transport.h"
#include "device_proto/senml.h"

struct caller;

#define READING_ANSWER 2 /* no power of ten: no sum meets it */

struct reading {
    int64_t id;
    int64_t device_id;
    char sensor[NAME_SIZE];
    int64_t tenant_id; /* whose container said it; 0: the device itself, for every tenant with a grant */
    int64_t epoch;
    int64_t received_ms; /* the ledger's time, not the device's */
    int64_t value;       /* scaled by the policy's scale */
    int64_t scale; /* READING_ANSWER: a category, bits or a bit that a noising device answered, to be counted and never
                      to be summed */
    int64_t policy_version;
    bool noised; /* on board, by that policy */
};

/* One SenML pack as it came in. */
struct telemetry {
    const char *endpoint;   /* d= of the request */
    const char *peer;       /* coap://address:port it came from */
    bool authenticated;     /* the peer proved to be this endpoint (DTLS) */
    uint64_t sequence;      /* s= : rises with every pack; a repeated one is a duplicate */
    int64_t policy_version; /* p= : 0 raw readings; else the version they were noised with */
    const struct senml_record *records;
    size_t count;
};

/* Checks device, profile, peer, sequence, policy, grants and bounds; charges on-board noise to the filter and to the
 * budgets of the tenants who get the rows; stores readings and outbox rows in one transaction. 0 stored; REFUSED_EXISTS
 * the newest number again (answer as if stored), REFUSED_CONFLICT an older one; other refusals counted, nothing
 * stored. */
int collect_telemetry(struct core *core, const struct telemetry *telemetry, struct why *why);

/* Polls what is due: POST to the container's exec resource at its sensor's interval. */
int collect_tick(struct core *core, int64_t now_ms, int64_t *out_next_ms);

/* device run: asks the container in a slot right now. done gets the answer's text, or why there is none; called once,
 * later. */
struct run_answer {
    int kind;              /* 0 answered; else a refusal (why is filled) */
    char text[64];         /* "27.18" */
    unsigned code;         /* CoAP */
    bool looks_like_fault; /* "-0.01" and the like: may be a fault, cannot be told from a value */
    struct why why;
};
typedef void (*run_done)(void *context, const struct run_answer *answer);
int collect_run(struct core *core, const struct caller *caller, const char *device, unsigned slot, run_done done,
                void *context, struct why *why);

#endif
