/* feature.h - one feature of device_proto, as firmware would call it. */
#ifndef TINYPART_TESTS_FIRMWARE_FEATURE_H
#define TINYPART_TESTS_FIRMWARE_FEATURE_H

#include "device_proto/crypto.h"

/* Runs the feature on its input (inputs.h, made when it is built). 0 when it came to what was expected. */
int firmware_feature(void);

/* What the firmware brings: SHA-256 (sha256.c), and a signature primitive where one was named when it was built. */
extern const struct proto_crypto firmware_crypto;
/* A counter in place of a generator: what is measured is not randomness. */
extern const struct proto_random firmware_random;

#endif
