/* rollout.h - one deploy order and its steps, one a device.
 * Both are tables of allowed moves; a move that the table lacks is a fault. A step's move is saved before anything is
 * sent (I1), and every state from which nothing follows has a reason that a person understands (I10).
 *
 *   step: waiting -> triggering -> triggered -> manifest_fetched -> image_fetched -> installed | delivered
 *         any of the middle states -> waiting (retry, with backoff) | refused | failed | unreachable | aborted */
#ifndef TINYPART_CORE_ROLLOUT_H
#define TINYPART_CORE_ROLLOUT_H

#include <stdbool.h>
#include <stdint.h>

#include "daemon/core/core.h"
#include "daemon/core/limits.h"
#include "device_proto/crypto.h"

struct caller;
struct suit_report;

enum rollout_state { ROLLOUT_RUNNING = 1, ROLLOUT_PAUSED, ROLLOUT_ABORTED, ROLLOUT_DONE };

enum step_state {
    STEP_WAITING = 1,      /* not yet begun, or between two tries */
    STEP_TRIGGERING,       /* saved; the trigger may be on its way */
    STEP_TRIGGERED,        /* the device took the URL */
    STEP_MANIFEST_FETCHED, /* its last block was asked for */
    STEP_IMAGE_FETCHED,    /* its last block was asked for */
    STEP_PROBING,          /* the container in the slot is being asked */
    STEP_INSTALLED,        /* final: reported by the device, or its container answered */
    STEP_DELIVERED,        /* final: all bytes were fetched; this kind of device cannot say more */
    STEP_REFUSED,          /* final: the device did not take it */
    STEP_FAILED,           /* final: tries used up */
    STEP_UNREACHABLE,      /* final: never answered */
    STEP_ABORTED,          /* final: by order */
    STEP_STATES
};

/* What the image of one try is encrypted with, by A128CTR: any block of it by itself. */
struct content_key {
    bool is_set;                              /* false: it travels in clear */
    uint8_t secret[AES_KEY_SIZE + AES_BLOCK]; /* the key, then the counter of the first block */
};

struct rollout {
    int64_t id;
    int64_t tenant_id;
    char tenant[NAME_SIZE];
    int64_t image_id;
    char image[NAME_SIZE];
    char version[VERSION_SIZE];
    char selector[SELECTOR_SIZE];
    unsigned slot;
    bool encrypted; /* each device gets the image encrypted to its own key */
    enum rollout_state state;
    unsigned concurrency;  /* steps under way at once */
    unsigned attempts_max; /* tries a step */
    int64_t deadline_ms;   /* longest time of one step, all tries together */
    char created_by[ACTOR_SIZE];
    int64_t created_ms;
    int64_t finished_ms;
    unsigned steps[STEP_STATES]; /* how many stand in each state (index: enum step_state) */
};

struct step {
    int64_t id;
    int64_t rollout_id;
    int64_t tenant_id;
    int64_t device_id;
    char device[NAME_SIZE];
    enum step_state state;
    char reason[REASON_SIZE]; /* a clause that follows the state: "refused: REASON" */
    unsigned attempts;
    uint64_t sequence;             /* of its newest manifest */
    char manifest_path[PATH_SIZE]; /* fetch paths of the newest try: "/m/" and "/i/" with 16 characters */
    char image_path[PATH_SIZE];
    uint8_t manifest_digest[DIGEST_SIZE];
    struct content_key content_key; /* of the newest try */
    int64_t due_ms;                 /* when the rules look at it again */
    int64_t deadline_ms;            /* absolute: over after that; 0 before the first try */
    uint64_t image_bytes;           /* highest byte of the image served */
    int64_t created_ms;
    int64_t updated_ms;
};

struct rollout_order {
    const char *tenant;
    const char *image, *version;
    const char *selector;
    unsigned slot;
    unsigned concurrency;  /* 0: 64 */
    unsigned attempts_max; /* 0: 4 */
    int64_t deadline_ms;   /* 0: 15 minutes */
    const char *transfer;  /* "plain" (or NULL) or "encrypted" */
};

/* For a tenant's caller the selector picks among the devices that its grants cover, and none at all is
 * REFUSED_FORBIDDEN. For others it picks among all claimed ones: one that the tenant may not use makes the order
 * REFUSED_FORBIDDEN with that device named, and none at all is REFUSED_UNKNOWN. Also refused: a grant that lacks slot,
 * sensor or helpers, an image unfit for a device's profile, a slot held by another tenant whose grant still covers it,
 * a reporting device without a report key, no maintainer key; for an encrypted transfer a profile that decrypts nothing
 * or a device without an encryption key. Nothing is saved then. */
int rollout_create(struct core *core, const struct caller *caller, const struct rollout_order *order,
                   struct rollout *out, struct why *why);
int rollout_get(struct core *core, const struct caller *caller, int64_t id, struct rollout *out, struct why *why);
int rollout_list(struct core *core, const struct caller *caller, struct page page,
                 int (*each)(void *context, const struct rollout *rollout), void *context, struct why *why);
int rollout_steps(struct core *core, const struct caller *caller, int64_t id, struct page page,
                  int (*each)(void *context, const struct step *step), void *context, struct why *why);
int rollout_pause(struct core *core, const struct caller *caller, int64_t id, struct rollout *out, struct why *why);
int rollout_resume(struct core *core, const struct caller *caller, int64_t id, struct rollout *out, struct why *why);
/* Steps not yet begun are aborted at once; those under way come to their own end. */
int rollout_abort(struct core *core, const struct caller *caller, int64_t id, struct rollout *out, struct why *why);

const char *rollout_state_name(enum rollout_state state);
const char *step_state_name(enum step_state state);
bool step_state_is_final(enum step_state state);

/* Allocates core->fetches: how far each device is between two saved points. */
int fetch_start(struct core *core);
void fetch_stop(struct core *core);

/* Once, at the start: what was under way when the daemon ended goes on (I12). */
int rollout_take_up(struct core *core);

/* Claims due steps and sends their triggers; ends those whose silence lasted too long. */
int rollout_tick(struct core *core, int64_t now_ms, int64_t *out_next_ms);

/* A device asks for bytes under a fetch path, which begins with its '/'. Called before each block is served: the first
 * and the last block of a manifest or image are saved as the step's progress before they leave (I12). Copies at most
 * capacity bytes from offset into out. REFUSED_UNKNOWN: no such path, or expired. */
struct fetch_block {
    uint64_t offset;
    size_t size;                 /* bytes given */
    uint64_t total;              /* of the whole object */
    bool is_manifest;            /* content format suit-envelope+cose; else octet-stream */
    uint8_t digest[DIGEST_SIZE]; /* of the whole object: its ETag */
};
int rollout_on_fetch(struct core *core, const char *path, uint64_t offset, uint8_t *out, size_t capacity,
                     struct fetch_block *out_block);

/* A device posts a SUIT report (plain or COSE_Sign1). Believed only when signed by the device's report key. */
int rollout_on_report(struct core *core, struct bytes report, struct why *why);

#endif
