/* asking.h - a device is asked one thing at a time (I10): triggers, polls and runs share this gate. */
#ifndef TINYPART_CORE_ASKING_H
#define TINYPART_CORE_ASKING_H

#include <stdbool.h>

#include "daemon/core/core.h"
#include "daemon/core/ports/transport.h"

#define ASKING_MAX 4096 /* requests under way at once, over all devices */

struct busy; /* bounded table: device -> request under way */

/* What to do with the answer; context is the asker's own. answer NULL: the daemon stops before there was one; only let
 * go of context then, and save nothing. */
typedef void (*asking_done)(struct core *core, void *context, const struct transport_answer *answer);

int asking_start(struct core *core); /* allocates core->busy */
void asking_stop(struct core *core); /* every request under way is done with answer NULL */
bool asking_is_busy(const struct core *core, int64_t device_id);
/* 0: under way, done is called exactly once, later. REFUSED_BUSY: this device has a request under way, or the table of
 * ASKING_MAX or the transport's is full. REFUSED_INVALID: the transport cannot use this address. */
int asking_post(struct core *core, int64_t device_id, const char *address, const char *path, struct bytes payload,
                asking_done done, void *context);
/* The transport hands every answer in here. */
void device_on_answer(struct core *core, const struct transport_answer *answer);

#endif
