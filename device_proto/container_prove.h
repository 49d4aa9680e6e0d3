/* container_prove.h - the verifier's second half: an abstract interpretation that proves a container harmless, or names
 * the instruction where the proof ends.
 * Proven means: whatever sensors, timers, context and data hold, no run meets a fault of any kind (enum
 * container_fault) on a device with these limits, reads a register or a stack byte that it never wrote (sensor readings
 * count as written, though a sensor that fails writes none), or takes more branches than it may. Alignment is no part
 * of it: a device whose processor faults on unaligned words must have its interpreter copy them. */
#ifndef TINYPART_DEVICE_PROTO_CONTAINER_PROVE_H
#define TINYPART_DEVICE_PROTO_CONTAINER_PROVE_H

#include "device_proto/container.h"
#include "device_proto/container_state.h"

#define CONTAINER_PROOF_STATES   1024u   /* kept at a time */
#define CONTAINER_PROOF_WAYS     16u     /* states kept apart at one place; more are joined */
#define CONTAINER_PROOF_BRANCHES 4096u   /* taken branches that are followed, whatever a device allows */
#define CONTAINER_PROOF_STEPS    200000u /* instructions that are walked, on all ways together */

enum container_verdict {
    CONTAINER_PROVEN = 0,
    CONTAINER_REFUSED,  /* the device would refuse it, run it differently, or be harmed by it */
    CONTAINER_UNPROVEN, /* well-formed; what it does is bounded only by the checks of the device's interpreter */
};

/* The states at one place: a list in the pool. */
struct container_ways {
    uint16_t first; /* CONTAINER_PROOF_STATES: none */
    uint16_t count;
};

/* The verifier's working memory, about 2 MB, uninitialised; the caller's, and free again afterwards. */
struct container_scratch {
    struct container_state states[CONTAINER_PROOF_STATES]; /* the pool */
    uint16_t next[CONTAINER_PROOF_STATES];
    uint16_t free;
    struct container_ways layers[2][CONTAINER_INSTRUCTIONS_MAX]; /* at jump targets: in this layer, in the next */
    uint8_t is_target[CONTAINER_INSTRUCTIONS_MAX];
};

/* Judges a whole file: structure (container_parse, each instruction, jumps, helper calls), then the proof. context_size
 * is how many bytes r1 points to; 0 where a device gives containers nothing. An enum container_verdict, with *out
 * saying what and where unless it is proven. out_facts may be NULL, and is set unless it is refused. Takes at most
 * CONTAINER_PROOF_STEPS steps. */
enum container_verdict container_judge(struct bytes file, const struct container_limits *limits, size_t context_size,
                                       struct container_scratch *scratch, struct container_problem *out,
                                       struct container_facts *out_facts);

#endif
