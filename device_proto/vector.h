/* vector.h - vectors of whole numbers: as CBOR typed arrays (RFC 8746), and clipped to an L2 norm.
 * What federated learning sends: a model's change, in steps of a fixed point. Signed integers of 8, 16 or 32 bits are
 * taken, in either byte order; the other kinds of RFC 8746 (unsigned, 64 bits, floats) are refused by name, since a
 * coordinate that is no such integer has no place in an exact sum. */
#ifndef TINYPART_DEVICE_PROTO_VECTOR_H
#define TINYPART_DEVICE_PROTO_VECTOR_H

#include "device_proto/bytes.h"

#define VECTOR_DIMENSION_MAX 4096u
#define VECTOR_SIZE_MAX      (4u * VECTOR_DIMENSION_MAX + 5u) /* the largest that is written or taken */

enum vector_refusal {
    VECTOR_MALFORMED = 1, /* not one tagged byte string of definite length */
    VECTOR_KIND,          /* a tag other than those of signed integers of 8, 16 and 32 bits */
    VECTOR_LENGTH,        /* no whole number of coordinates, none, or more than VECTOR_DIMENSION_MAX */
    VECTOR_NO_ROOM,
};

/* A typed array where it lies: its coordinates are read one by one. */
struct vector_view {
    struct bytes elements;
    size_t dimension;
    unsigned width; /* bytes of a coordinate: 1, 2, 4 */
    bool little_endian;
};

/* Exactly one typed array. 0 or a vector_refusal; the view points into encoded. */
int vector_parse(struct bytes encoded, struct vector_view *out);
/* Coordinate i, below dimension. */
int32_t vector_at(const struct vector_view *vector, size_t i);
/* Writes the narrowest of sint8, sint16le and sint32le that holds all coordinates. 0, VECTOR_LENGTH or VECTOR_NO_ROOM.
 */
int vector_write(const int32_t *coordinates, size_t dimension, uint8_t *out, size_t capacity, size_t *out_size);

/* Scales a vector down, rounding towards zero, so that the sum of its coordinates' squares is at most norm^2, exactly;
 * one that keeps the norm stays as it is. Any coordinates; dimension at most VECTOR_DIMENSION_MAX, norm at most
 * INT32_MAX. true: it was scaled down. */
bool vector_clip(int32_t *coordinates, size_t dimension, uint32_t norm);

/* A short English text for a refusal. Never NULL. */
const char *vector_refusal_text(int refusal);

#endif
