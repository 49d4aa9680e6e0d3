/* identity.h - what a device says of itself: its places, whose signatures it believes, what it can do. */
#ifndef TINYPART_VIRTUAL_IDENTITY_H
#define TINYPART_VIRTUAL_IDENTITY_H

#include "device_proto/suit.h"
#include "device_proto/virtual/device.h"

#define CAPABILITIES_SIZE 256u

/* ["slot", "0"] and so on. */
void identity_places(const struct kind *kind, struct suit_place out[KIND_SLOTS_MAX]);
/* Any signature that this program can verify, as it runs. */
struct cose_acceptance identity_acceptance(void);
/* For a report; empty where it does not fit. */
struct bytes identity_capabilities(const struct fleet *fleet, uint8_t out[CAPABILITIES_SIZE]);

#endif
