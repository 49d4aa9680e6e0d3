/* kind.h - what each profile's devices do on the wire: data that the rest of the room obeys.
 * The two RIOT rows reproduce what real builds were seen to do; README.md says which habits, and which are left out. */
#ifndef TINYPART_VIRTUAL_KIND_H
#define TINYPART_VIRTUAL_KIND_H

#include "device_proto/suit.h"

#define KIND_SLOTS_MAX    4u
#define KIND_URL_MAX      128u   /* a trigger's payload must be shorter */
#define KIND_MANIFEST_MAX 12288u /* with two of the largest signatures: its own and its token's */

enum kind_habit {
    KIND_EMPTY_ACK_IS_BODY = 1u << 0,    /* takes an empty ACK for a complete body of no bytes */
    KIND_PING_CRASHES = 1u << 1,         /* an empty CON kills it */
    KIND_SHARED_URL = 1u << 2,           /* one URL buffer for the running update and four queued triggers */
    KIND_STRLEN_URL = 1u << 3,           /* takes the URL up to the next NUL, wherever that is */
    KIND_LONG_PATH_KILLS = 1u << 4,      /* a path beyond path_max overflows a buffer (otherwise: an error) */
    KIND_VOLATILE = 1u << 5,             /* slots and sequence number are in RAM only */
    KIND_WRONG_METHOD_IS_404 = 1u << 6,  /* otherwise 4.05 */
    KIND_IGNORES_CRITICAL = 1u << 7,     /* serves requests with unknown critical options */
    KIND_FIXED_BLOCKS = 1u << 8,         /* numbers blocks by its own size even when the server answers smaller ones */
    KIND_RUNS_UNVERIFIED = 1u << 9,      /* runs whatever is in the slot; instructions looked at until one success */
    KIND_TINYPART = 1u << 10,            /* registers, reports, posts telemetry, keeps state */
    KIND_ONE_KEY = 1u << 11,             /* one trusted key only */
    KIND_CORE_IN_TINY_BLOCKS = 1u << 12, /* /.well-known/core in blocks of 16 bytes where none are asked for */
    KIND_SERVES_REPLIES = 1u << 13,      /* takes an ACK or RST with a request's code for a request */
    KIND_LAX_FORMAT = 1u << 14,          /* nanocoap's reader: any version, an empty payload, 16 options */
};

struct kind {
    const char *name;
    const char *vendor;     /* domain */
    const char *class_name; /* board */
    const char *links;      /* /.well-known/core, as served and registered */
    enum suit_dialect dialect;
    unsigned habits; /* enum kind_habit, or-ed */
    uint8_t block_exponent;
    unsigned slots;
    const char *component; /* first part of a slot's identifier; the second is its number */
    size_t slot_size;      /* bytes */
    size_t manifest_max;   /* bytes */
    size_t request_max;    /* larger datagrams vanish */
    size_t path_max;       /* of a URL */
    const char *exec_prefix;
    uint32_t lifetime_s;          /* of a registration */
    unsigned sends;               /* transmissions of a confirmable request */
    uint32_t timeout_least_ms;    /* the first timeout is drawn from least..most and doubles each time */
    uint32_t timeout_most_ms;     /* exclusive */
    uint32_t separate_timeout_ms; /* after an empty ACK */
};

/* NULL for an unknown name. */
const struct kind *kind_find(const char *name);
/* The i-th profile, NULL after the last. */
const struct kind *kind_at(size_t i);

static inline bool kind_has(const struct kind *kind, enum kind_habit habit)
{
    return (kind->habits & (unsigned)habit) != 0;
}

/* When transmission n (from 0) is due, in ms after the first; n == sends: when to give up. timeout_ms is the first
 * timeout drawn. */
int64_t kind_send_at(uint32_t timeout_ms, unsigned n);

#endif
