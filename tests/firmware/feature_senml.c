/* A pack of five readings in CBOR, written; and read again to see that it is one. */
#include "device_proto/senml.h"
#include "tests/firmware/feature.h"

int firmware_feature(void)
{
    static struct senml_record records[5];
    static uint8_t out[256];
    size_t size = 0;

    for (size_t i = 0; i < 5; i++) {
        memcpy(records[i].name, "t-room-7", 9);
        memcpy(records[i].unit, "Cel", 4);
        records[i].kind = SENML_NUMBER;
        records[i].number = (struct decimal){ 2718 + (int64_t)i, -2 };
        records[i].time_ms = 1700000000000 + (int64_t)i * 60000;
    }
    return senml_encode_cbor(records, 5, (struct bytes){ NULL, 0 }, out, sizeof out, &size);
}
