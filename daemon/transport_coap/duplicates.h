/* duplicates.h - answers remembered for EXCHANGE_LIFETIME (RFC 7252 section 4.8.2), so that a repeated POST or DELETE
 * gets the same answer and the rule behind it is called once. A fixed table; when it is full the oldest goes. */
#ifndef TINYPART_TRANSPORT_COAP_DUPLICATES_H
#define TINYPART_TRANSPORT_COAP_DUPLICATES_H

#include "daemon/transport_coap/message.h"

#define DUPLICATES_LIFETIME_MS 247000
#define DUPLICATES_BODY_MAX    192 /* answers to POSTs are small; a larger body is remembered as its code alone */

struct duplicates;

int duplicates_new(unsigned capacity, struct duplicates **out);
void duplicates_free(struct duplicates *duplicates);
/* The same message (peer, id and content) within its lifetime: true, and the answer it got. */
bool duplicates_find(struct duplicates *duplicates, const struct request *request, int64_t now_ms, struct answer *out);
/* true when an answer still within its lifetime had to go for it. */
bool duplicates_add(struct duplicates *duplicates, const struct request *request, int64_t now_ms,
                    const struct answer *answer);

#endif
