/* noise_below.c - the one primitive that all noise is made of: a uniform integer below n, by exact rejection.
 * In a file of its own, so that tests can put an enumeration of all its outcomes in its place. */
#include "device_proto/noise.h"

#define REJECTIONS_MAX 128u /* each rejection has less than probability 1/2 */

static uint64_t read_big_endian(const uint8_t *data, size_t size)
{
    uint64_t value = 0;

    for (size_t i = 0; i < size; i++)
        value = (value << 8) | data[i];
    return value;
}

int noise_below(const struct proto_random *random, uint64_t n, uint64_t *out)
{
    uint8_t raw[8];
    uint64_t mask, value, limit;
    size_t size = 1;
    int r;

    if (n == 0)
        return NOISE_BAD_PARAMETER;
    if (n == 1) {
        *out = 0;
        return 0;
    }
    while (size < 8 && (n - 1) >> (8 * size) != 0)
        size++;
    mask = size == 8 ? UINT64_MAX : (UINT64_C(1) << (8 * size)) - 1;
    limit = mask - (mask % n + 1) % n; /* the largest value that leaves all remainders equally likely */
    for (unsigned i = 0; i < REJECTIONS_MAX; i++) {
        r = random->fill(random->context, raw, size);
        if (r != 0)
            return r;
        value = read_big_endian(raw, size);
        if (value <= limit) {
            *out = value % n;
            return 0;
        }
    }
    return NOISE_SOURCE_STUCK;
}
