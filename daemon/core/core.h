/* core.h - what the rules are given: ports and settings. No rule reaches for anything else. */
#ifndef TINYPART_CORE_CORE_H
#define TINYPART_CORE_CORE_H

#include <stdbool.h>
#include <stdint.h>

#include "daemon/base/refusal.h"
#include "daemon/base/loss.h"
#include "device_proto/crypto.h"

struct store;
struct transport;
struct sink_port;
struct clock;
struct busy;
struct exports;
struct fetches;

/* What was refused at the edges since the start; shown by status (invariants I7, I11). */
enum counter {
    COUNT_TELEMETRY_STORED,
    COUNT_TELEMETRY_DUPLICATE,
    COUNT_TELEMETRY_REFUSED, /* unknown device, not allowed, malformed */
    COUNT_TELEMETRY_NO_POLICY,
    COUNT_TELEMETRY_NO_GRANT,
    COUNT_TELEMETRY_OUT_OF_POLICY,
    COUNT_TELEMETRY_OVER_BUDGET,
    COUNT_TELEMETRY_SUSPECT, /* of devices that are suspect, the pack that made them so included */
    COUNT_REPORT_REFUSED,
    COUNT_FETCH_REFUSED, /* unknown or expired path */
    COUNT_REGISTRATION_REFUSED,
    COUNT_POLL_FAULT, /* a container's answer that is no value */
    COUNT_RELEASE_REFUSED,
    COUNT_EXPORT_REFUSED, /* rows that a full outbox did not take */
    COUNTERS
};

struct core_settings {
    int64_t epoch_ms;            /* length of a privacy epoch; the ledger remembers it and refuses another */
    struct loss_caps filter_cap; /* what one device may lose in an epoch, over all tenants: the guarantee */
    int64_t pool_unlock_ppm;   /* of what no tenant has reserved of it, free when an epoch begins; the rest is unlocked
                                  evenly until its end */
    struct loss_caps life_cap; /* what one device may ever lose; 0: unbounded, counted all the same */
    int64_t path_lifetime_ms;  /* how long a fetch path lives */
    unsigned rollout_concurrency; /* steps under way at once, over all rollouts */
    bool claim_by_itself;         /* a lab's switch: unknown endpoints that name a profile are claimed at once */
    bool follow_moves;            /* a claimed device may register from another host than it is known at */
    bool telemetry_plain; /* the operator accepts telemetry of unauthenticated peers, where the profile allows it */
    char advertise[80];   /* the daemon's own coap://... base in URLs for devices; "": found per device */
};

struct core {
    struct store *store;
    struct transport *transport;
    struct sink_port *sinks;
    const struct clock *clock;
    const struct proto_crypto *crypto;
    const struct proto_signer *maintainer; /* NULL: no manifest key, so no rollout starts */
    const struct proto_random *random;
    struct core_settings settings;
    struct fetches *fetches; /* how far devices are; owned by fetch.c */
    int64_t housekeeping_ms; /* when core_tick next forgets what is old */
    struct exports *exports; /* deliveries under way; owned by export.c */
    struct busy *busy;       /* devices with a request under way; owned by asking.c */
    bool ledger_broken;      /* the start-up check found charges and spent apart (I4): no release is answered */
    char ledger_problem[sizeof(((struct why *)0)->what)]; /* in words; "": none */
    int late_fault; /* met while an answer was taken: nobody to pass it to until the next tick */
    uint64_t counters[COUNTERS];
    uint64_t counted_before[COUNTERS]; /* the group that is open; owned by group.c */
};

/* Prepares the rules on an open store: epoch length recorded or compared, ledger reconciled (I4). The ports must be
 * set. 0; a refusal when the recorded epoch length differs; or a fault. */
int core_start(struct core *core, struct why *why);
void core_stop(struct core *core);

/* Lets time pass: due steps, deadlines, polls, expiries, deliveries. Called by the loop at least once a second and
 * after each inbound event that may have made something due; returns the next due time (unix ms) in *out_next_ms.
 * Returns the first fault since the last tick, those of answers included. */
int core_tick(struct core *core, int64_t *out_next_ms);
/* For those who take answers: the next tick passes it up, where it is logged. 0 and refusals are no faults. */
void core_note_fault(struct core *core, int r);

const char *counter_name(enum counter counter);

#endif
