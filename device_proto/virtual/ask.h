/* ask.h - what profile tinypart asks of the daemon, one thing at a time, from its server's socket: so that the daemon
 * knows the device by its address. Registration, policies, telemetry and reports each say when they are due. */
#ifndef TINYPART_VIRTUAL_ASK_H
#define TINYPART_VIRTUAL_ASK_H

#include "device_proto/virtual/device.h"

#define ASK_SIZE_MAX 1280u /* one datagram */

struct ask_order {
    enum asking what;
    enum coap_message_code code;
    const struct endpoint *to;
    const char *path;
    const char *queries[4]; /* "ep=dev-1"; NULL ends */
    int format;             /* -1: none */
    struct bytes payload;
    const struct coap_message_block *block; /* Block2 that is asked for; NULL: the server chooses */
};

/* Starts what is due, unless something is under way. */
void ask_next(struct device *device);
int64_t ask_due(const struct device *device);
/* 0 or a fault; done is called once. */
int ask_begin(struct device *device, const struct ask_order *order, exchange_done done);

/* register.c */
void register_plan(struct device *device);
int64_t register_due(const struct device *device);
void register_ask(struct device *device);

#endif
