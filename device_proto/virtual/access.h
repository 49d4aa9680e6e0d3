/* access.h - what the owner lets a container do, checked by the device itself (profile tinypart). */
#ifndef TINYPART_VIRTUAL_ACCESS_H
#define TINYPART_VIRTUAL_ACCESS_H

#include "device_proto/virtual/device.h"

/* The token beside a manifest (device_proto/token.h): by a key that is trusted, for this image, valid now, for this
 * device where it goes by a name that it registered, and with every helper call that the image makes. Without a token
 * an update is what its manifest says, unless the device insists on one: whoever carries an envelope can take it out.
 * 0, a suit_refusal with where->what, or a fault. */
int access_check(struct device *device, struct bytes envelope, struct bytes image, struct suit_where *where);

#endif
