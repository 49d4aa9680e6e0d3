#include "device_proto/cbor.h"
#include "tests/bench/proto/walk.h"

static uint64_t walk_item(struct cbor_reader *reader)
{
    struct cbor_list list;
    uint64_t sum = 0;

    switch (cbor_peek(reader)) {
    case CBOR_UINT:
        return cbor_read_uint(reader);
    case CBOR_NINT:
        return (uint64_t)-cbor_read_int(reader);
    case CBOR_BYTES:
        return cbor_read_bytes(reader).size;
    case CBOR_TEXT:
        return cbor_read_text(reader).size;
    case CBOR_ARRAY:
        list = cbor_read_array(reader);
        while (cbor_more(reader, &list))
            sum += walk_item(reader);
        return sum;
    case CBOR_MAP:
        list = cbor_read_map(reader);
        while (cbor_more(reader, &list)) {
            sum += walk_item(reader);
            sum += walk_item(reader);
        }
        return sum;
    case CBOR_TAG:
        cbor_read_tag(reader);
        return walk_item(reader);
    case CBOR_FALSE:
    case CBOR_TRUE:
    case CBOR_NULL:
    case CBOR_UNDEFINED:
    case CBOR_SIMPLE:
    case CBOR_FLOAT:
    case CBOR_BREAK:
    case CBOR_END:
        cbor_skip(reader);
        return 0;
    }
    return 0;
}

uint64_t walk_ours(const uint8_t *data, size_t size)
{
    struct cbor_reader reader = cbor_reader_on(bytes_view(data, size), CBOR_LENIENT);
    uint64_t sum = walk_item(&reader);

    return cbor_reader_finish(&reader) == 0 ? sum : 0;
}
