/* suit_capabilities.h - what a device can do, as a report tells it (draft-ietf-suit-report-20, SUIT_Capability_Report):
 * so that an author learns why a manifest was refused, and what would not be. */
#ifndef TINYPART_DEVICE_PROTO_SUIT_CAPABILITIES_H
#define TINYPART_DEVICE_PROTO_SUIT_CAPABILITIES_H

#include "device_proto/suit_report.h"

enum suit_capability {
    SUIT_CAPABILITY_COMPONENTS = 1, /* a list of identifiers; the others are of numbers */
    SUIT_CAPABILITY_COMMANDS,
    SUIT_CAPABILITY_PARAMETERS,
    SUIT_CAPABILITY_ALGORITHMS, /* COSE's */
};

/* The map for struct suit_report's capabilities: the device's places, what this room implements of SUIT_37, SHA-256,
 * the signatures and MACs that its acceptance believes, and, where it has keys to decrypt with, what they open. 0,
 * SUIT_REPORT_STRUCTURE for a device without places, or SUIT_REPORT_NO_ROOM. */
int suit_capabilities_write(const struct suit_device *device, uint8_t *out, size_t capacity, size_t *out_size);

/* The i-th number of a list that a report gave; false from the last one on, and where there is none or no such list. */
bool suit_capability_at(struct bytes capabilities, enum suit_capability list, size_t i, int64_t *out);

#endif
