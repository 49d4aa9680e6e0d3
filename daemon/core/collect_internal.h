/* collect_internal.h - one pack of telemetry on its way in, between collect.c and collect_*.c. */
#ifndef TINYPART_CORE_COLLECT_INTERNAL_H
#define TINYPART_CORE_COLLECT_INTERNAL_H

#include "daemon/core/collect.h"
#include "daemon/core/ports/store.h"
#include "device_proto/policy_doc.h"

/* What holds for one sensor of the pack. */
struct rule {
    char sensor[NAME_SIZE];
    bool has_policy;
    struct policy policy;         /* the version that its readings are kept under */
    struct noise_policy document; /* its signed form; views into policy.document */
};

struct kept {
    unsigned rule; /* index */
    int64_t value; /* scaled */
    int64_t time_ms;
    struct bytes vector; /* of a sensor of vectors instead of a value: as it came, a view into the record */
};

/* A tenant that a live grant gives some of the pack's sensors. */
struct taker {
    int64_t tenant_id;
    uint64_t rules;   /* one bit a rule */
    struct loss loss; /* what its rows cost */
    bool has_sinks;
};

struct pack {
    const struct telemetry *telemetry;
    struct device device;
    struct profile profile;
    int64_t now_ms; /* the ledger's */
    int64_t epoch;
    char offence[SUSPECT_REASON_SIZE]; /* why the device is suspect from now on; "": it is not */
    unsigned over_rule;                /* with is_over: of its sensor there were too many */
    bool is_over;
    enum counter counter; /* what a refusal counts as */
    struct kept kept[RECORDS_PER_PACK_MAX];
    unsigned kept_count;
    struct rule rules[RECORDS_PER_PACK_MAX];
    unsigned rule_count;
    struct taker takers[TENANTS_MAX];
    unsigned taker_count;
};

/* Refuses the pack for what its device cannot have sent by its policy, and makes the device suspect. */
int pack_offend(struct pack *pack, int refusal, const char *where, struct why *why, const char *format, ...)
    __attribute__((format(printf, 5, 6)));
/* Too many readings of a noising device are refused; more than twice as many, which no clock explains, make it suspect.
 * Then each is held against what its policy's noise can be. */
int pack_watch(struct core *core, struct pack *pack, struct why *why);
/* After a refusal took everything back: what must be remembered of the pack all the same. */
int pack_remember(struct core *core, const struct pack *pack);

/* Refuses a pack for a reading that is none of its sensor's kind. A kind of device that obeys signed policies knows
 * which that is, and is suspect from then on. */
int pack_misshape(struct pack *pack, const struct rule *rule, struct why *why, const char *what);
/* collect_vector.c: the vector of a record, checked; and into the store. */
int vector_take(struct pack *pack, const struct rule *rule, const struct senml_record *record, struct bytes *out,
                struct why *why);
int vector_keep(struct core *core, struct pack *pack, const struct kept *kept, struct why *why);

/* Whether a posting peer may speak for a device, and how its host compares with the address it registered. */
bool peer_is_host_of(const char *peer, const char *address);

/* Records into readings: names, policies, units, numbers, times. Those of sensors without a policy are left out. */
int pack_read(struct core *core, struct pack *pack, struct why *why);
/* Who may have them; readings that nobody may have are left out. */
int pack_takers(struct core *core, struct pack *pack, struct why *why);
/* Leaves out the readings that no taker is left for; says how many those were. */
unsigned pack_drop_untaken(struct pack *pack);
/* Of readings noised on board: takers that cannot pay or have no room are left out, then what nobody is left for. */
int pack_payers(struct core *core, struct pack *pack, struct why *why);
/* Stores readings, and charges and queues those noised on board. */
int pack_store(struct core *core, struct pack *pack, struct why *why);

#endif
