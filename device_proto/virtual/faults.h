/* faults.h - what goes wrong on demand: a lossy network, reboots and power cuts at a chosen point, a foreign key.
 * Everything is drawn from a seeded generator, so that a run can be repeated. */
#ifndef TINYPART_VIRTUAL_FAULTS_H
#define TINYPART_VIRTUAL_FAULTS_H

#include "daemon/base/refusal.h"
#include "device_proto/virtual/wire.h"

enum fault_point { FAULT_NEVER = 0, FAULT_AT_MANIFEST, FAULT_AT_BLOCK };

struct fault_plan {
    uint32_t loss_ppm; /* of datagrams in either direction */
    uint32_t duplicate_ppm;
    int64_t delay_ms; /* each datagram waits 0..delay_ms */
    enum fault_point reboot_at;
    uint32_t reboot_block; /* of the image, from 0 */
    bool power_cut;
    uint32_t power_cut_block;
    bool wrong_key;      /* trusts another key than the one it was given */
    uint32_t weak_noise; /* the noise is so many times too small; 0, 1: as the policy says */
    bool no_limit;       /* gives more readings in an epoch than the policy lets it */
};

/* "loss=0.1,dup=0.05,delay=50ms,reboot-at=manifest|block:K,power-cut=block:K,wrong-key,
 * weak-noise=N,no-limit". 0 or REFUSED_INVALID. */
int fault_plan_parse(const char *text, struct fault_plan *out, struct why *why);

/* splitmix64: small, seedable, good enough for faults and for spreading load; never for noise, but a lab's. */
struct dice {
    uint64_t state;
};

void dice_seed(struct dice *dice, uint64_t seed, uint64_t stream);
uint64_t dice_roll(struct dice *dice);
uint32_t dice_below(struct dice *dice, uint32_t n); /* 0 .. n-1; n >= 1 */
bool dice_hits(struct dice *dice, uint32_t ppm);
/* A random source for tests that must repeat: context is a struct dice. Noise of it hides nothing. */
int dice_fill(void *context, uint8_t *out, size_t size);

#define FAULT_HELD_MAX 64u /* datagrams one device has on their way; more are lost */

/* A datagram that is late. */
struct held {
    struct held *next;
    int64_t due_ms;
    bool outgoing;
    int channel;
    struct endpoint peer;
    size_t size;
    uint8_t data[];
};

/* Sends through the faults of the device's network. */
void faults_send(struct device *device, int channel, const struct endpoint *to, struct bytes datagram);
/* What arrives, through the same faults: goes to device_deliver now, later, twice or never. */
void faults_receive(struct device *device, int channel, const struct endpoint *from, struct bytes datagram);
/* Lets go of what is due. */
void faults_release(struct device *device);
/* When something held is due; INT64_MAX: nothing is. */
int64_t faults_due(const struct device *device);
void faults_drop(struct device *device);
/* A closed channel's number may come back as another device's. */
void faults_drop_channel(struct device *device, int channel);

#endif
