#include "tests/bench/proto/walk.h"

#ifdef WITH_NANOCBOR
#include <nanocbor/nanocbor.h>

static uint64_t walk_value(nanocbor_value_t *value);

static uint64_t walk_container(nanocbor_value_t *value, int (*enter)(const nanocbor_value_t *, nanocbor_value_t *))
{
    nanocbor_value_t inner;
    uint64_t sum = 0;

    if (enter(value, &inner) < 0)
        return 0;
    while (!nanocbor_at_end(&inner))
        sum += walk_value(&inner);
    nanocbor_leave_container(value, &inner);
    return sum;
}

static uint64_t walk_value(nanocbor_value_t *value)
{
    const uint8_t *text;
    uint64_t number = 0;
    int64_t negative = 0;
    size_t size = 0;

    switch (nanocbor_get_type(value)) {
    case NANOCBOR_TYPE_UINT:
        nanocbor_get_uint64(value, &number);
        return number;
    case NANOCBOR_TYPE_NINT:
        nanocbor_get_int64(value, &negative);
        return (uint64_t)-negative;
    case NANOCBOR_TYPE_BSTR:
        nanocbor_get_bstr(value, &text, &size);
        return size;
    case NANOCBOR_TYPE_TSTR:
        nanocbor_get_tstr(value, &text, &size);
        return size;
    case NANOCBOR_TYPE_ARR:
        return walk_container(value, nanocbor_enter_array);
    case NANOCBOR_TYPE_MAP:
        return walk_container(value, nanocbor_enter_map);
    case NANOCBOR_TYPE_TAG:
        nanocbor_get_tag64(value, &number);
        return walk_value(value);
    default:
        nanocbor_skip(value);
        return 0;
    }
}

uint64_t walk_nanocbor(const uint8_t *data, size_t size)
{
    nanocbor_value_t value;

    nanocbor_decoder_init(&value, data, size);
    return walk_value(&value);
}
#endif
