/* keys.h - the published test keys that this room's vectors are made with. Never use one outside of tests. */
#ifndef TINYPART_TESTS_DEVICE_PROTO_KEYS_H
#define TINYPART_TESTS_DEVICE_PROTO_KEYS_H

#include "device_proto/crypto.h"

struct test_keys {
    struct proto_crypto crypto;
    struct proto_signer ed25519; /* seed 00 01 .. 1f */
    struct proto_signer p256;    /* the key of the SUIT manifest draft's examples */
    struct proto_signer other;   /* another Ed25519 key: seed 80 81 .. 9f */
};

const struct test_keys *test_keys(void);

#endif
