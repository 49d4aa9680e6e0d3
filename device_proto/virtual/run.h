/* run.h - devices on real sockets and real time: one UDP socket each, one loop for all. */
#ifndef TINYPART_VIRTUAL_RUN_H
#define TINYPART_VIRTUAL_RUN_H

#include "daemon/loop/loop.h"
#include "device_proto/virtual/device.h"

struct run;

/* Raises the limit of open files as far as allowed. loop and fleet are borrowed; fleet->wire is set here. */
int run_new(struct loop *loop, struct fleet *fleet, unsigned count, struct run **out);
void run_free(struct run *run); /* NULL is fine */

/* Opens the i-th device's server socket at its address and boots it. 0; REFUSED_INVALID (the address cannot be bound);
 * or a fault. */
int run_add(struct run *run, const char *name, const struct endpoint *address, struct why *why);

size_t run_count(const struct run *run);
struct device *run_device(struct run *run, size_t i);
/* Power-cycles what hangs. Returns how many. */
unsigned run_revive(struct run *run);

/* The i-th address after base: IPv4 counts addresses, IPv6 ports. 0 or -ERANGE. */
int run_address(const struct endpoint *base, unsigned i, struct endpoint *out);

#endif
