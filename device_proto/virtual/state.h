/* state.h - what survives a power cut, for kinds that keep anything.
 * One directory a device: "state" (sequence number, which image is in which slot, telemetry numbers, policies) is
 * replaced in one step; images lie beside it under their digest, so that the old one is whole until "state" names the
 * new one. A slot whose file is missing or not what its digest says is empty. */
#ifndef TINYPART_VIRTUAL_STATE_H
#define TINYPART_VIRTUAL_STATE_H

#include "device_proto/virtual/device.h"

/* All return 0 or a fault, and do nothing (0) where there is no state directory or the kind is volatile. */
int state_load(struct device *device);
int state_save(struct device *device);
int state_write_slot(struct device *device, size_t slot);
/* Deletes the file of an image that "state" does not name any more. */
void state_forget_slot(struct device *device, size_t slot, const struct slot *before);
/* The pending report, or its absence. */
int state_write_report(struct device *device);
/* The key that signs reports: from the directory, or new (and kept there, where there is one). */
int state_key(struct device *device);

#endif
