/* server.h - the device's own resources. */
#ifndef TINYPART_VIRTUAL_SERVER_H
#define TINYPART_VIRTUAL_SERVER_H

#include "device_proto/virtual/device.h"

/* A datagram that arrived at the server's socket. */
void server_receive(struct device *device, const struct endpoint *from, struct bytes datagram);
/* A blocked server goes on as soon as the queue has room again. */
void server_tick(struct device *device);
int64_t server_due(const struct device *device);
void server_drop(struct device *device);

#endif
