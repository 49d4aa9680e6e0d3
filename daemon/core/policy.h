/* policy.h - the signed noise policy of a sensor, in versions that only rise. No policy, no data (I7). */
#ifndef TINYPART_CORE_POLICY_H
#define TINYPART_CORE_POLICY_H

#include "daemon/core/core.h"
#include "daemon/core/limits.h"
#include "daemon/base/loss.h"
#include "device_proto/policy_doc.h"

struct caller;

struct policy {
    int64_t id;
    char sensor[NAME_SIZE];
    int64_t version;    /* 1, 2, 3, ... per sensor */
    char unit[16];      /* of privacy: "device", "device-epoch", "event" */
    char adjacency[16]; /* "zero-out", "replace" */
    int64_t epoch_ms;
    int64_t dimension;  /* 0: readings are numbers; else vectors of so many coordinates, whose L2 norm is at most upper,
                           and lower is -upper */
    int64_t scale;      /* fixed point: value * scale is the integer kept; a power of ten, 1 .. 1000000 */
    int64_t lower;      /* scaled */
    int64_t upper;      /* scaled */
    char unit_text[16]; /* "Cel", SenML's names */
    char mechanism[16]; /* "none", "laplace", "geometric", "krr", "oue", "onebit": what devices that noise on board do;
                           readings of all others come raw and are noised with the answer */
    int64_t parameter_num; /* of the mechanism: scale in steps, or the weights truth and lie; 0 of old */
    int64_t parameter_den;
    int64_t memo_step;     /* steps that share one answer for ever; 0: each reading gets fresh noise */
    struct loss reading;   /* what one reading noised on board costs */
    int64_t contributions; /* most readings of one device that count in one epoch */
    int64_t interval_ms;   /* between two polls or posts */
    int64_t retention_ms;  /* raw readings are deleted after that */
    int64_t created_ms;
    size_t document_size; /* signed policy document for devices (device_proto/policy_doc.h) */
    uint8_t document[POLICY_DOC_MAX];
};

struct policy_order {
    const char *sensor;
    const char *lower, *upper;       /* decimals: "-20", "60.5" */
    int64_t dimension;               /* vectors of so many coordinates; 0: numbers, or as the version before */
    const char *norm;                /* of vectors, instead of lower and upper: the L2 norm that they are clipped to */
    int64_t scale;                   /* 0: 100, of vectors 1 */
    const char *unit_text;           /* NULL: "" */
    const char *epsilon_per_reading; /* decimal; NULL: "0.1"; for laplace and geometric */
    const char *mechanism;           /* NULL: "laplace", of vectors "none": there is no other for them */
    int64_t truth, lie;              /* weights of krr, oue, onebit; their epsilon is ln(truth/lie) */
    int64_t memo_step;               /* steps that share one answer for ever; 0: fresh noise each time */
    const char *unit;                /* of privacy; NULL: "device-epoch" */
    unsigned event_level;            /* 1 must be said for the unit "event": it protects one reading alone */
    const char *adjacency;           /* NULL: "zero-out" */
    int64_t contributions;           /* 0: 24, of vectors 1 */
    int64_t interval_ms;             /* 0: 60 s */
    int64_t retention_ms;            /* 0: 7 days */
};

/* Makes the sensor's next version. Refused when n_max * max(|L|,|U|) * contributions could reach 2^62, when lower >=
 * upper, or without the maintainer's key (devices obey signed policies only). */
int policy_set(struct core *core, const struct caller *caller, const struct policy_order *order, struct policy *out,
               struct why *why);
int policy_get(struct core *core, const struct caller *caller, const char *sensor, struct policy *out, struct why *why);
int policy_list(struct core *core, const struct caller *caller, struct page page,
                int (*each)(void *context, const struct policy *policy), void *context, struct why *why);
/* The most that one clamped reading can change a sum by, scaled: its largest absolute value; with adjacency "replace"
 * also upper - lower, whichever is more, since a device may as well give no reading at all. */
int64_t policy_sensitivity(const struct policy *policy);
/* For the transport: the newest signed document of a sensor. REFUSED_UNKNOWN: none. */
int policy_document(struct core *core, const char *sensor, struct policy *out);

#endif
