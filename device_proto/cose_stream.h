/* cose_stream.h - content under one key, block by block; not for users of this room, who have cose_encrypt.h. */
#ifndef TINYPART_DEVICE_PROTO_COSE_STREAM_H
#define TINYPART_DEVICE_PROTO_COSE_STREAM_H

#include "device_proto/cose_encrypt.h"

/* nonce: 12 bytes (A128GCM) or the whole first counter block (A128CTR). Readies stream for decrypting; a fault of
 * crypto, else 0. */
int cose_stream_begin(struct cose_stream *stream, enum cose_algorithm algorithm, const uint8_t key[AES_KEY_SIZE],
                      struct bytes nonce, struct bytes protected_header, struct bytes external_aad,
                      const struct proto_crypto *crypto);

#endif
