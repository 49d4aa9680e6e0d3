/* batch.h - what comes in together becomes durable together, and is answered after that.
 *
 * All requests of one turn run as one group of deeds (core/group.h). As soon as one of them has written, its answer and
 * all that follow are held until the group's commit has returned; then they leave as what they would have been anyway:
 * the ACK with the request's message id, for a separate response would cost a sleepy radio two more messages. When the
 * commit fails, each gets 5.00 and nothing of it is remembered, so that the same message sent again is taken anew.
 * An upload in blocks that ended so begins again with its first block, under new message ids (RFC 7959 section 2.9.2).
 */
#ifndef TINYPART_TRANSPORT_COAP_BATCH_H
#define TINYPART_TRANSPORT_COAP_BATCH_H

#include "daemon/transport_coap/message.h"

struct transport_coap;
struct batch;

/* capacity: answers that may be held. */
int batch_new(unsigned capacity, struct batch **out);
/* Whatever is still held is not answered any more. NULL is fine. */
void batch_free(struct batch *batch);

/* Before a request comes to the rules: opens the batch unless it is open, ends it first when it is full. 0 or a fault.
 */
int batch_enter(struct transport_coap *transport);
/* Whether the answer to this very message is held: then it will leave once more, and nothing else must happen now. */
bool batch_has(struct batch *batch, const struct request *request);
/* What becomes of an answer that the rules gave. true: it is held, or not to be sent; the request is seen to. false: it
 * may leave; *answer may have become that of a fault. */
bool batch_take(struct transport_coap *transport, coap_session_t *session, const coap_pdu_t *pdu,
                const struct request *request, struct answer *answer);
/* Commits and answers. 0, or the fault of the commit, which is logged here. Harmless when nothing is open. */
int batch_end(struct transport_coap *transport);
/* The same, if it is full. */
void batch_end_if_full(struct transport_coap *transport);

#endif
