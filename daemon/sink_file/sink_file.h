/* sink_file.h - the sink kind "file": JSON Lines below one folder, one file a sink.
 * A line is {"delivery":"<idempotency key>","data":<body>}. It is on the disk (fdatasync) before the delivery counts as
 * done, and a delivery that is repeated after a crash is recognised by the last line's key, so that each stands there
 * exactly once. */
#ifndef TINYPART_SINK_FILE_H
#define TINYPART_SINK_FILE_H

#include "daemon/core/core.h"
#include "daemon/core/ports/sink.h"
#include "daemon/loop/loop.h"

struct sink_file;

struct sink_file_settings {
    const char *folder;   /* made when missing; <folder>/<tenant>/<sink>.jsonl */
    int64_t rotate_bytes; /* a file past this size becomes <sink>.NNNNNN.jsonl and a new one begins */
};

/* Starts the writing thread. core gets the outcomes on the loop's thread. */
int sink_file_new(struct core *core, struct loop *loop, const struct sink_file_settings *settings,
                  struct sink_file **out, struct why *why);
/* Ends what is being written, drops what waits (it stays in the outbox). Free it before the loop. */
void sink_file_free(struct sink_file *sink);
void sink_file_kind(struct sink_file *sink, struct sink_kind *out);

#endif
