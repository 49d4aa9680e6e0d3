/* fixed_private.h - single fixed-point numbers, between the two files of fixed_point.h only. */
#ifndef TINYPART_DEVICE_PROTO_FIXED_PRIVATE_H
#define TINYPART_DEVICE_PROTO_FIXED_PRIVATE_H

#include "device_proto/fixed_point.h"

bool fixed_negative(const struct fixed *a);
bool fixed_zero(const struct fixed *a);
int fixed_compare(const struct fixed *a, const struct fixed *b);
struct fixed fixed_negate(struct fixed a);
/* false: beyond the range. up: rounded towards plus infinity, else towards minus infinity; b is not 0. */
bool fixed_add(const struct fixed *a, const struct fixed *b, struct fixed *out);
bool fixed_mul(const struct fixed *a, const struct fixed *b, bool up, struct fixed *out);
bool fixed_div(const struct fixed *a, const struct fixed *b, bool up, struct fixed *out);

#endif
