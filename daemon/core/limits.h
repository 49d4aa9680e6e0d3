/* limits.h - the bounds of the registry's texts and lists, in one place. Sizes count the closing NUL. */
#ifndef TINYPART_CORE_LIMITS_H
#define TINYPART_CORE_LIMITS_H

#define NAME_SIZE     64 /* tenant, device (endpoint), image, sensor, sink names */
#define VERSION_SIZE  33 /* image versions */
#define SELECTOR_SIZE 256
#define LIST_SIZE     256 /* comma-separated lists: sensors, helpers, slots */
#define ADDRESS_SIZE  80  /* coap://[IPv6%zone]:port */
#define LINKS_SIZE    1025
#define PATH_SIZE     25 /* unguessable paths: at most 24 characters (96 bits in base64url are 16) */
#define REASON_SIZE   320
#define ACTOR_SIZE    96

#define LABELS_MAX               32 /* on one device */
#define SLOTS_MAX                8  /* on one device */
#define UNCLAIMED_MAX            10000
#define DEVICES_MAX              1000000
#define TENANTS_MAX              1000
#define KEYS_PER_TENANT_MAX      8
#define GRANTS_PER_TENANT_MAX    64 /* live ones */
#define SINKS_PER_TENANT_MAX     16
#define IMAGES_PER_TENANT_MAX    4096
#define ROLLOUTS_PER_TENANT_MAX  256 /* that are not final: each is looked at with every tick */
#define SCHEDULES_PER_TENANT_MAX 64  /* ended and paused ones too */
#define OUTBOX_PER_SINK_MAX      100000
#define OUTBOX_BODY_MAX          65536         /* bytes of one delivery */
#define COHORT_MAX               1000000       /* device-epochs that one release may touch */
#define WINDOW_EPOCHS_MAX        366           /* epochs that one release may touch */
#define RELEASE_UEPS_MAX         20000000LL    /* epsilon 20: beyond that, an answer hides next to nothing */
#define RELEASE_NRHO_MAX         10000000000LL /* rho 10: epsilon 32 at delta 1e-6 */
#define IMAGE_SIZE_MAX           65536
#define BUNDLE_SIZE_MAX          (IMAGE_SIZE_MAX + 8192) /* the largest signature included */
#define RECORDS_PER_PACK_MAX     64
#define PAGE_MAX                 1000

#define SCHEDULE_EVERY_MIN_MS 1000LL
#define SCHEDULE_EVERY_MAX_MS (366LL * 86400000)

#define ROLLOUT_CONCURRENCY_MAX 4096 /* steps of one rollout under way at once */
#define ROLLOUT_ATTEMPTS_MAX    16   /* tries of one step */
#define ROLLOUT_DEADLINE_MIN_MS 10000LL
#define ROLLOUT_DEADLINE_MAX_MS (30LL * 86400000)

/* Rows with an id above after, at most limit of them (1..PAGE_MAX), lowest id first. */
#include <stdint.h>
struct page {
    int64_t after;
    unsigned limit;
};

#endif
