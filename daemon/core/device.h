/* device.h - the microcontrollers: registered by hand or by themselves, claimed by an owner, labelled.
 * An endpoint nobody claimed is listed and gets nothing (I7). */
#ifndef TINYPART_CORE_DEVICE_H
#define TINYPART_CORE_DEVICE_H

#include <stdbool.h>
#include <stdint.h>

#include "daemon/core/core.h"
#include "daemon/core/limits.h"
#include "daemon/base/loss.h"
#include "daemon/core/selector.h"

struct caller;

#define SUSPECT_REASON_SIZE 160

enum device_state { DEVICE_UNCLAIMED = 1, DEVICE_CLAIMED };

struct device {
    int64_t id;
    char name[NAME_SIZE]; /* the endpoint name (ep) */
    enum device_state state;
    char profile[NAME_SIZE];               /* "" while unclaimed */
    char class_name[NAME_SIZE];            /* board; "" takes the profile's */
    char address[ADDRESS_SIZE];            /* coap://..., "" unknown */
    uint64_t sequence;                     /* highest manifest sequence number given out (I9) */
    uint64_t telemetry_sequence;           /* highest accepted */
    struct public_key report_key;          /* type 0: none; what its SUIT reports are signed with */
    uint8_t encryption_key[P256_RAW_SIZE]; /* images for it are encrypted to it; first byte 0: none */
    struct loss life_spent;                /* by its odometer */
    struct loss_caps life_cap;             /* 0: that currency is unbounded, and counted all the same */
    int64_t created_ms;
    int64_t seen_ms;    /* 0: never */
    int64_t suspect_ms; /* since when it is; 0: it is not */
    char suspect_reason[SUSPECT_REASON_SIZE];
    struct label labels[LABELS_MAX];
    size_t label_count;
};

struct slot {
    int64_t device_id;
    unsigned slot;
    int64_t tenant_id; /* 0: free */
    char tenant[NAME_SIZE];
    int64_t image_id; /* 0: nothing known to be there */
    char image[NAME_SIZE];
    char version[VERSION_SIZE];
    char state[16]; /* "reserved", "installed" */
    int64_t since_ms;
    int64_t poll_due_ms; /* 0: not polled */
};

struct device_order {
    const char *name;
    const char *profile;
    const char *address;                     /* NULL or "": comes with its registration */
    const char *class_name;                  /* NULL or "": the profile's */
    const char *labels;                      /* "site=lyon,floor=1" or NULL */
    const struct public_key *report_key;     /* NULL: reports of this device cannot be believed: refused */
    const struct public_key *encryption_key; /* P-256; NULL: it gets no encrypted images */
};

int device_create(struct core *core, const struct caller *caller, const struct device_order *order, struct device *out,
                  struct why *why);
/* For an unclaimed endpoint; same fields (address NULL keeps what it registered with). */
int device_claim(struct core *core, const struct caller *caller, const struct device_order *order, struct device *out,
                 struct why *why);
int device_get(struct core *core, const struct caller *caller, const char *name, struct device *out, struct why *why);
/* selector NULL or "": all. state 0: both. A tenant's caller gets the devices that a live grant of its own covers. */
int device_list(struct core *core, const struct caller *caller, const char *selector, enum device_state state,
                struct page page, int (*each)(void *context, const struct device *device), void *context,
                struct why *why);
int device_slots(struct core *core, const struct caller *caller, const char *name,
                 int (*each)(void *context, const struct slot *slot), void *context, struct why *why);
int device_label(struct core *core, const struct caller *caller, const char *name, const char *labels,
                 struct device *out, struct why *why);
/* The owner's word on where a device is now: registrations alone do not take a claimed one to another host. */
int device_move(struct core *core, const struct caller *caller, const char *name, const char *address,
                struct device *out, struct why *why);
/* The key that images for it are encrypted to; false: it has none. */
bool device_encryption_key(const struct device *device, struct public_key *out);
/* Takes the suspicion off a device that sent what its policy cannot have made (watch.h); what was seen of its readings
 * is forgotten. For who may set policies. REFUSED_CONFLICT: it is not suspect. */
int device_trust(struct core *core, const struct caller *caller, const char *name, const char *reason,
                 struct device *out, struct why *why);
/* Refused (CONFLICT) while a step is under way on it. Charges stay: the ledger forgets nobody. */
int device_delete(struct core *core, const struct caller *caller, const char *name, struct why *why);

/* coap://[IPv6]:port or coap://IPv4:port, the port optional, nothing behind it: literals only, as nothing here asks the
 * DNS. */
bool address_is_valid(const char *address);
/* The host of a valid address in one way of writing ("fd00::1", "192.0.2.1", with its zone): its length, 0 where it has
 * none. */
size_t address_host(const char *address, char out[ADDRESS_SIZE]);

/* Every device of a state (0: both) with an id above after, lowest first. Rows are read ahead in batches, so each()
 * may use the store in any way. */
int device_scan(struct core *core, enum device_state state, int64_t after,
                int (*each)(void *context, const struct device *device), void *context);

/* Devices matching a selector that a tenant's live grant covers (and, when sensor is not NULL, for that sensor; when
 * slot >= 0, for that slot). */
struct cohort_query {
    int64_t tenant_id;
    const char *selector;
    const char *sensor;
    int slot;
};
/* each() may use the store in any way. Unclaimed devices belong to no cohort. */
int device_cohort(struct core *core, const struct cohort_query *query,
                  int (*each)(void *context, const struct device *device), void *context, struct why *why);

#endif
