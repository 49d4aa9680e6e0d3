#include <cbor.h>
#include <stdlib.h>

#include "tests/bench/proto/walk.h"

static uint64_t walk_tree(const cbor_item_t *item)
{
    uint64_t sum = 0;

    switch (cbor_typeof(item)) {
    case CBOR_TYPE_UINT:
        return cbor_get_int(item);
    case CBOR_TYPE_NEGINT:
        return cbor_get_int(item) + 1;
    case CBOR_TYPE_BYTESTRING:
        return cbor_bytestring_length(item);
    case CBOR_TYPE_STRING:
        return cbor_string_length(item);
    case CBOR_TYPE_ARRAY:
        for (size_t i = 0; i < cbor_array_size(item); i++)
            sum += walk_tree(cbor_array_handle(item)[i]);
        return sum;
    case CBOR_TYPE_MAP:
        for (size_t i = 0; i < cbor_map_size(item); i++)
            sum += walk_tree(cbor_map_handle(item)[i].key) + walk_tree(cbor_map_handle(item)[i].value);
        return sum;
    case CBOR_TYPE_TAG: {
        cbor_item_t *inner = cbor_tag_item(item);

        sum = walk_tree(inner);
        cbor_decref(&inner);
        return sum;
    }
    case CBOR_TYPE_FLOAT_CTRL:
        return 0;
    }
    return 0;
}

static cbor_item_t *load(const uint8_t *data, size_t size)
{
    struct cbor_load_result result;
    cbor_item_t *item = cbor_load(data, size, &result);

    if (item == NULL)
        abort();
    return item;
}

uint64_t walk_libcbor(const uint8_t *data, size_t size)
{
    cbor_item_t *item = load(data, size);

    cbor_decref(&item);
    return 0;
}

uint64_t walk_libcbor_tree(const uint8_t *data, size_t size)
{
    cbor_item_t *item = load(data, size);
    uint64_t sum = walk_tree(item);

    cbor_decref(&item);
    return sum;
}
