/* fetch.h - one URL, block by block, from an ephemeral port of its own. */
#ifndef TINYPART_VIRTUAL_FETCH_H
#define TINYPART_VIRTUAL_FETCH_H

#include "device_proto/virtual/exchange.h"

/* Takes one block; false: no more of it. */
typedef bool (*fetch_sink)(struct device *device, size_t offset, struct bytes block, bool more);
/* why: NULL when the whole body came. The fetch is over and may be used again. */
typedef void (*fetch_done)(struct device *device, const char *why);

struct fetch {
    struct exchange exchange;
    bool open;
    int channel;
    struct endpoint to;
    uint8_t exponent;
    uint32_t number; /* of the block asked for */
    size_t offset;
    unsigned retries;
    fetch_sink sink;
    fetch_done done;
};

/* Fetches the URL in device->url. The buffer is looked at again for every block, as real devices do: whoever overwrites
 * it meanwhile changes the path. done may be called before this returns. */
void fetch_begin(struct device *device, struct fetch *fetch, fetch_sink sink, fetch_done done);
void fetch_cancel(struct device *device, struct fetch *fetch);

#endif
