/* vector.c - typed arrays of signed integers, and the L2 clip.
 *
 * Why the clipped norm holds exactly: let S be the sum of the squares and r any whole number with r^2 >= S. Each
 * coordinate x becomes x * norm / r, rounded towards zero, so its square is at most x^2 * norm^2 / r^2, and all of them
 * together at most S * norm^2 / r^2 <= norm^2. r is the square root of S rounded up; where S passes 64 bits, the same
 * of coordinates divided by 64 and rounded up, times 64, which is still no less than the root (and larger by a
 * millionth at most). No product passes 2^62: |x| <= 2^31, norm < 2^31. */
#include "device_proto/vector.h"

#include "device_proto/cbor.h"

/* Tags of RFC 8746 section 2.1 are 0b010_f_s_e_ll: s signed, e little-endian, ll the logarithm of the width. */
#define TAG_SINT8      72u
#define TAG_SINT16_BE  73u
#define TAG_SINT32_BE  74u
#define TAG_SINT16_LE  77u
#define TAG_SINT32_LE  78u
#define TAG_LITTLE     4u
#define TAG_WIDTH_MASK 3u

#define COARSE_SHIFT 6u

/* ---- typed arrays ---- */

int vector_parse(struct bytes encoded, struct vector_view *out)
{
    struct cbor_reader reader = cbor_reader_on(encoded, CBOR_LENIENT);
    uint64_t tag = cbor_read_tag(&reader);
    struct vector_view view = { .elements = cbor_read_bytes(&reader) };

    if (cbor_reader_finish(&reader) != 0)
        return VECTOR_MALFORMED;
    if (tag != TAG_SINT8 && tag != TAG_SINT16_BE && tag != TAG_SINT32_BE && tag != TAG_SINT16_LE &&
        tag != TAG_SINT32_LE)
        return VECTOR_KIND;
    view.width = 1u << (tag & TAG_WIDTH_MASK);
    view.little_endian = (tag & TAG_LITTLE) != 0;
    view.dimension = view.elements.size / view.width;
    if (view.elements.size % view.width != 0 || view.dimension == 0 || view.dimension > VECTOR_DIMENSION_MAX)
        return VECTOR_LENGTH;
    *out = view;
    return 0;
}

int32_t vector_at(const struct vector_view *vector, size_t i)
{
    const uint8_t *at = vector->elements.data + i * vector->width;
    const unsigned width = vector->width;
    uint32_t bits = 0, sign = 1u << (8 * width - 1);

    for (unsigned k = 0; k < width; k++)
        bits |= (uint32_t)at[k] << 8 * (vector->little_endian ? k : width - 1 - k);
    /* the sign bit, widened without a shift of a negative number */
    return (bits & sign) == 0 ? (int32_t)bits : -(int32_t)(sign - 1 - (bits & (sign - 1))) - 1;
}

static unsigned width_of(const int32_t *coordinates, size_t dimension)
{
    unsigned width = 1;

    for (size_t i = 0; i < dimension; i++) {
        if (coordinates[i] < INT16_MIN || coordinates[i] > INT16_MAX)
            return 4;
        if (coordinates[i] < INT8_MIN || coordinates[i] > INT8_MAX)
            width = 2;
    }
    return width;
}

int vector_write(const int32_t *coordinates, size_t dimension, uint8_t *out, size_t capacity, size_t *out_size)
{
    const unsigned width = width_of(coordinates, dimension);
    const uint64_t tag = width == 1 ? TAG_SINT8 : width == 2 ? TAG_SINT16_LE : TAG_SINT32_LE;
    struct cbor_writer writer = cbor_writer_on(out, capacity);
    size_t begin;

    if (dimension == 0 || dimension > VECTOR_DIMENSION_MAX)
        return VECTOR_LENGTH;
    cbor_write_tag(&writer, tag);
    begin = cbor_wrap_begin(&writer);
    for (size_t i = 0; i < dimension; i++) {
        uint8_t bytes[4];
        for (unsigned k = 0; k < width; k++)
            bytes[k] = (uint8_t)((uint32_t)coordinates[i] >> 8 * k);
        cbor_write_raw(&writer, bytes_view(bytes, width));
    }
    cbor_wrap_end(&writer, begin);
    return cbor_writer_finish(&writer, out_size) == 0 ? 0 : VECTOR_NO_ROOM;
}

/* ---- the clip ---- */

static uint64_t magnitude(int32_t value)
{
    return value < 0 ? (uint64_t) - (int64_t)value : (uint64_t)value;
}

/* Of the coordinates, each divided by 2^shift and rounded up. false: it passes 64 bits. */
static bool sum_of_squares(const int32_t *coordinates, size_t dimension, unsigned shift, uint64_t *out)
{
    uint64_t sum = 0;

    for (size_t i = 0; i < dimension; i++) {
        uint64_t part = (magnitude(coordinates[i]) + (((uint64_t)1 << shift) - 1)) >> shift;
        if (part * part > UINT64_MAX - sum)
            return false;
        sum += part * part;
    }
    *out = sum;
    return true;
}

/* The smallest r with r^2 >= square. */
static uint64_t root_up(uint64_t square)
{
    uint64_t root = 0;

    for (uint64_t bit = (uint64_t)1 << 31; bit != 0; bit >>= 1)
        if ((root + bit) * (root + bit) <= square)
            root += bit;
    return root + (root * root < square);
}

bool vector_clip(int32_t *coordinates, size_t dimension, uint32_t norm)
{
    uint64_t sum, root;

    if (sum_of_squares(coordinates, dimension, 0, &sum)) {
        if (sum <= (uint64_t)norm * norm)
            return false;
        root = root_up(sum);
    } else {
        /* 4096 squares of 26 bits each: it fits */
        if (!sum_of_squares(coordinates, dimension, COARSE_SHIFT, &sum))
            sum = UINT64_MAX;
        root = root_up(sum) << COARSE_SHIFT;
    }
    for (size_t i = 0; i < dimension; i++) {
        int64_t scaled = (int64_t)(magnitude(coordinates[i]) * norm / root);
        coordinates[i] = (int32_t)(coordinates[i] < 0 ? -scaled : scaled);
    }
    return true;
}

const char *vector_refusal_text(int refusal)
{
    static const char *const texts[] = {
        [0] = "no problem",
        [VECTOR_MALFORMED] = "not one CBOR typed array (RFC 8746)",
        [VECTOR_KIND] = "a typed array of something else than signed integers of 8, 16 or 32 bits",
        [VECTOR_LENGTH] = "no whole number of coordinates, none, or too many",
        [VECTOR_NO_ROOM] = "the buffer is too small",
    };

    return refusal < 0 || (size_t)refusal >= sizeof texts / sizeof texts[0] ? "unknown refusal" : texts[refusal];
}
