#include "tests/fuzz/senml_round_trip.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct senml_record records[ROUND_TRIP_RECORDS];
    static uint8_t text[4096];
    struct senml_pack pack = { records, ROUND_TRIP_RECORDS, 0, text, sizeof(text), 0 };

    if (senml_decode_cbor(bytes_view(data, size), &pack) == 0)
        expect_round_trip(&pack);
    return 0;
}
