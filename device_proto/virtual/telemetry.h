/* telemetry.h - readings that leave by themselves: only under a signed policy, noised on board, numbered. */
#ifndef TINYPART_VIRTUAL_TELEMETRY_H
#define TINYPART_VIRTUAL_TELEMETRY_H

#include "device_proto/policy_doc.h"
#include "device_proto/virtual/device.h"
#include "device_proto/virtual/noising.h"

/* Numbers are reserved on disk in strides; a crash wastes what was left of one, and counts it as used. */
#define TELEMETRY_STRIDE 16u

/* One sensor's policy and what was given under it. */
struct telemetry {
    uint8_t document[POLICY_DOC_MAX]; /* as it came; document_size 0: no policy, nothing leaves */
    size_t document_size;
    struct noise_policy policy; /* views into document */
    struct noising noising;
    struct dice lab_noise; /* with a lab's seed: a stream of its own for each device and sensor */
    bool lab_noise_begun;
    int digits;     /* policy.scale is 10^digits */
    int64_t epoch;  /* the newest that a reading was given in */
    uint32_t given; /* readings in that epoch */
    int64_t due_ms;
    int64_t policy_due_ms;
};

void telemetry_plan(struct device *device);
int64_t telemetry_due(const struct device *device);
void telemetry_ask(struct device *device);
int64_t policy_due(const struct device *device);
void policy_ask(struct device *device);
/* Verifies a document for that sensor and takes it, unless it is older than the one there is. 0 or a policy_refusal. */
int policy_take(struct device *device, size_t sensor, struct bytes document);

#endif
