/* privacy_private.h - between the files of privacy_loss.h only. */
#ifndef TINYPART_DEVICE_PROTO_PRIVACY_PRIVATE_H
#define TINYPART_DEVICE_PROTO_PRIVACY_PRIVATE_H

#include "device_proto/privacy_loss.h"

/* x x unit rounded up, for an x that is a fraction with a denominator below 2^59: such a one is a whole number or at
 * least 2^-59 away from one, so that taking 2^-60 away keeps the rounding of the interval from adding one. */
int privacy_ceil_fraction(struct real x, uint64_t unit, uint64_t *out);

bool privacy_scale_wrong(uint64_t num, uint64_t den);

#endif
