/* update.h - taking a new container: manifest, verification, image, slot. */
#ifndef TINYPART_VIRTUAL_UPDATE_H
#define TINYPART_VIRTUAL_UPDATE_H

#include "device_proto/virtual/device.h"

/* Starts fetching the manifest at device->url. The device must be idle. */
void update_start(struct device *device);
void update_drop(struct device *device);
bool update_receive(struct device *device, int channel, const struct endpoint *from,
                    const struct coap_message *message);
void update_tick(struct device *device);
int64_t update_due(const struct device *device); /* INT64_MAX while nothing is under way */

#endif
