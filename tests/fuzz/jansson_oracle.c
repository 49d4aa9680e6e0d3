#include "tests/fuzz/jansson_oracle.h"

#include <jansson.h>

bool jansson_reads(const uint8_t *data, size_t size)
{
    json_t *value = json_loadb((const char *)data, size, JSON_DECODE_ANY, NULL);

    json_decref(value);
    return value != NULL;
}
