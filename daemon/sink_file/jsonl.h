/* jsonl.h - one JSON Lines file that is appended to durably, rotated, and taken up again after a crash. */
#ifndef TINYPART_SINK_FILE_JSONL_H
#define TINYPART_SINK_FILE_JSONL_H

#include <stdint.h>

#include "device_proto/bytes.h"

/* Appends the line {"delivery":"<key>","data":<body>} to <folder>/<name>.jsonl and waits until it is on the disk. A
 * torn last line is cut off first. When the last line (of this file, or of the newest rotated one while this is empty)
 * has the same key already, nothing is written. A file of rotate_bytes or more is renamed to <name>.NNNNNN.jsonl first.
 * 0 or a negative errno. */
int jsonl_append(const char *folder, const char *name, int64_t rotate_bytes, const char *key, struct bytes body);

/* Makes the names in a folder durable. */
int jsonl_sync_folder(const char *folder);

#endif
