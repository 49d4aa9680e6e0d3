/* container_pointers.h - the part of the verifier that follows pointers into helper calls. */
#ifndef TINYPART_DEVICE_PROTO_CONTAINER_POINTERS_H
#define TINYPART_DEVICE_PROTO_CONTAINER_POINTERS_H

#include "device_proto/container.h"

/* Whether every helper call that can be reached gets addresses that it may use. The text must have passed the checks of
 * each instruction and jump. 0, or CONTAINER_HELPER_POINTER and the call's index. Needs about 24 kB of stack. */
int container_check_pointers(const struct container *container, bool neg_is_8f, uint32_t *out_at);

#endif
