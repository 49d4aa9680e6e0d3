/* container_state.h - what the verifier knows at one place of a program: registers and the stack. */
#ifndef TINYPART_DEVICE_PROTO_CONTAINER_STATE_H
#define TINYPART_DEVICE_PROTO_CONTAINER_STATE_H

#include "device_proto/container.h"
#include "device_proto/container_value.h"

#define STATE_REGISTERS 11u
#define STATE_SLOTS     (CONTAINER_STACK_SIZE / 8u)

struct container_state {
    struct container_value registers[STATE_REGISTERS];
    struct container_value slots[STATE_SLOTS]; /* of 8 bytes each, from the lowest; any number where not known better */
    uint8_t written[CONTAINER_STACK_SIZE / 8u]; /* bit set of stack bytes that surely were */
};

/* What a container's addresses may reach. */
struct container_regions {
    size_t context, data, rodata; /* sizes in bytes */
};

/* The beginning of a run: r10 the frame pointer, r1 the context (a number that nobody knows, where there is none). */
void container_state_begin(struct container_state *state, size_t context_size);

/* Everything that either may be. */
void container_state_join(struct container_state *state, const struct container_state *other);

/* Whether state covers all that other may be. */
bool container_state_covers(const struct container_state *state, const struct container_state *other);

/* How many registers are the same in both. What steers a program lies there, not on the stack. */
unsigned container_state_likeness(const struct container_state *a, const struct container_state *b);

/* Memory at address + offset. 0, or a container_reason why it cannot be proven. A load leaves what it gives in *out. */
int container_state_load(const struct container_state *state, const struct container_regions *regions,
                         const struct container_value *address, int16_t offset, unsigned size,
                         struct container_value *out);
int container_state_store(struct container_state *state, const struct container_regions *regions,
                          const struct container_value *address, int16_t offset, unsigned size,
                          const struct container_value *value);

#endif
