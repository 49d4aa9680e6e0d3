/* resources.h - what the daemon offers to devices, one function each; router.c has the table. */
#ifndef TINYPART_TRANSPORT_COAP_RESOURCES_H
#define TINYPART_TRANSPORT_COAP_RESOURCES_H

#include "daemon/transport_coap/server.h"

/* rest: what stands for '*' in the route's path. The answer is initialized to 5.00 and nothing else. A result other
 * than 0 makes the router turn it and *why into the answer. */
typedef int (*resource_handler)(struct transport_coap *transport, const struct request *request, const char *rest,
                                struct answer *answer, struct why *why);

/* resources_directory.c (RFC 9176 section 5) */
int resource_register(struct transport_coap *transport, const struct request *request, const char *rest,
                      struct answer *answer, struct why *why);
int resource_update(struct transport_coap *transport, const struct request *request, const char *rest,
                    struct answer *answer, struct why *why);
int resource_remove(struct transport_coap *transport, const struct request *request, const char *rest,
                    struct answer *answer, struct why *why);
int resource_register_simple(struct transport_coap *transport, const struct request *request, const char *rest,
                             struct answer *answer, struct why *why);
/* resources_lookup.c (RFC 9176 section 6, RFC 6690) */
int resource_lookup_endpoints(struct transport_coap *transport, const struct request *request, const char *rest,
                              struct answer *answer, struct why *why);
int resource_lookup_links(struct transport_coap *transport, const struct request *request, const char *rest,
                          struct answer *answer, struct why *why);
int resource_core(struct transport_coap *transport, const struct request *request, const char *rest,
                  struct answer *answer, struct why *why);
/* resources_fetch.c */
int resource_fetch(struct transport_coap *transport, const struct request *request, const char *rest,
                   struct answer *answer, struct why *why);
int resource_policy(struct transport_coap *transport, const struct request *request, const char *rest,
                    struct answer *answer, struct why *why);
/* resources_ingest.c */
int resource_telemetry(struct transport_coap *transport, const struct request *request, const char *rest,
                       struct answer *answer, struct why *why);
int resource_report(struct transport_coap *transport, const struct request *request, const char *rest,
                    struct answer *answer, struct why *why);

/* router.c: writes the links of /.well-known/core. */
struct link_format_writer;
void router_links(struct link_format_writer *writer);

#endif
