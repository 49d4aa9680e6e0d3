#include "tests/fuzz/libcbor_oracle.h"

#include <cbor.h>

bool libcbor_reads(const uint8_t *data, size_t size, size_t *out_read)
{
    struct cbor_load_result result;
    cbor_item_t *item = cbor_load(data, size, &result);

    if (item == NULL)
        return false;
    *out_read = result.read;
    cbor_decref(&item);
    return true;
}
