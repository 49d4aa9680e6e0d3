/* bodies.h - bodies that come in blocks (RFC 7959 Block1), put together within stated bounds: how many at once, how
 * large, how long without progress. Memory grows with the bytes that came, never with what a Size1 option claims. */
#ifndef TINYPART_TRANSPORT_COAP_BODIES_H
#define TINYPART_TRANSPORT_COAP_BODIES_H

#include "daemon/base/buffer.h"
#include "daemon/transport_coap/message.h"

#define BODIES_IDLE_MS  93000 /* MAX_TRANSMIT_WAIT: after that the sender has given up */
#define BODIES_YIELD_MS 5000  /* an upload idle for that long makes room when the table is full */

enum bodies_result {
    BODIES_WHOLE = 1,  /* that was the last block; out holds all of it */
    BODIES_CONTINUE,   /* 2.31 */
    BODIES_GAP,        /* 4.08: a block is missing, or what was begun is gone */
    BODIES_TOO_LARGE,  /* 4.13 */
    BODIES_BAD_LENGTH, /* 4.00: a block that is not the last has another length than it says */
    BODIES_FULL,       /* 5.03 */
};

struct bodies;

int bodies_new(unsigned capacity, size_t size_max, struct bodies **out);
void bodies_free(struct bodies *bodies);
size_t bodies_size_max(const struct bodies *bodies);
/* Takes one block of a request that has a Block1 option. With BODIES_WHOLE, out is valid until bodies_done, which must
 * follow. A negative result is a fault. */
int bodies_take(struct bodies *bodies, const struct request *request, int64_t now_ms, struct bytes *out);
void bodies_done(struct bodies *bodies, const struct request *request);
/* Forgets uploads that stand still; how many. */
unsigned bodies_expire(struct bodies *bodies, int64_t now_ms);

#endif
