/* profile.h - what a kind of device can do, and its quirks. Data, not code: the rows live in the registry (schema/sql).
 */
#ifndef TINYPART_CORE_PROFILE_H
#define TINYPART_CORE_PROFILE_H

#include <stdbool.h>
#include <stdint.h>

#include "daemon/core/core.h"
#include "daemon/core/limits.h"

struct caller;

enum profile_outcome {
    OUTCOME_REPORT = 1, /* the device posts a SUIT report */
    OUTCOME_EXEC,       /* inferred from its fetches, then by asking the container */
    OUTCOME_FETCH,      /* inferred from its fetches alone */
};

struct profile {
    char name[NAME_SIZE];
    char description[128];
    char dialect[8];            /* "riot" or "suit" */
    char image_types[64];       /* comma list: "bpf" */
    unsigned slots;             /* 0 .. slots-1 */
    char component[32];         /* component identifier of slot N, parts by '/': "ram/%u" */
    unsigned manifest_size_max; /* bytes */
    unsigned image_size_max;    /* bytes, per slot */
    unsigned path_size_max;     /* of a URL's path */
    char vendor_domain[64];     /* "riot-os.org": vendor id = UUID5(DNS, domain) */
    char class_name[64];        /* default board: class id = UUID5(vendor id, name) */
    char trigger_path[32];      /* "/suit/trigger" */
    bool trigger_nul;           /* a NUL byte must follow the URL */
    char exec_path[32];         /* "/bpf/exec/%u"; "" where containers cannot be asked */
    int answer_digits;          /* decimal digits of an exec answer: "27.18" has 2 */
    enum profile_outcome outcome;
    unsigned give_up_ms;    /* longest silence of a device that is still trying */
    bool may_ping;          /* a CoAP ping is survived */
    bool piggyback_only;    /* answers must ride on the ACK */
    unsigned block_szx_min; /* never answer with blocks smaller than the device asked for: always asked size */
    bool host_name_urls;    /* false: IPv6/IPv4 literals only */
    bool shared_sequence;   /* one counter over all slots */
    bool sequence_lost_at_boot;
    bool telemetry;          /* posts readings by itself */
    bool noises_on_board;    /* noises them by signed policy before they leave */
    bool telemetry_plain;    /* may post without DTLS where the operator allows it */
    char helpers[LIST_SIZE]; /* allow-list of helper numbers: "0x30,0x31,..." */
    unsigned branches_max;   /* taken branches a run */
    bool section_loads;      /* 0xB8 and 0xD8 instructions load from where they should */
    bool neg_is_8f;          /* negation is 0x8F (Femto-Containers), not 0x87 (eBPF) */
    char algorithm[16];      /* manifest signature: "ed25519" or "esp256" */
    char accepts[64];        /* comma list of those it verifies: "ed25519,hss-lms" */
    bool decrypts;           /* takes encrypted images (ECDH-ES + A128KW, A128CTR) */
    bool tokens;             /* reads an access token beside its manifest, and holds containers to it */
};

/* exec_path or component with its "%u" replaced by the slot's number. -E2BIG when it does not fit. */
int profile_slot_text(const char *pattern, unsigned slot, char *out, size_t capacity);

/* For other rules. REFUSED_UNKNOWN with words. */
int profile_find(struct core *core, const char *name, struct profile *out, struct why *why);
int profile_get(struct core *core, const struct caller *caller, const char *name, struct profile *out, struct why *why);
int profile_list(struct core *core, const struct caller *caller,
                 int (*each)(void *context, const struct profile *profile), void *context, struct why *why);

#endif
