/* Well-formedness and diagnosis: what is well-formed can be shown, whatever room there is; rules only ever refuse more.
 */
#include "device_proto/cbor.h"
#include "tests/fuzz/sham_crypto.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static char text[1 << 18];
    struct bytes item = bytes_view(data, size);
    int plain = cbor_check(item, CBOR_LENIENT);
    int canonical = cbor_check(item, CBOR_CANONICAL);

    EXPECT(plain == 0 || canonical != 0);
    for (unsigned style = CBOR_COMPACT; style <= (CBOR_INDENTED | CBOR_EMBEDDED); style++) {
        size_t text_size = 0;
        int r = cbor_diagnose(item, style, text, sizeof(text), &text_size);

        EXPECT(plain == 0 ? r == 0 || r == CBOR_NOT_UTF8 || r == CBOR_NO_ROOM : r == plain);
        EXPECT(canonical != 0 || r == 0 || r == CBOR_NO_ROOM);
        EXPECT(r != 0 || strlen(text) == text_size);
        if (r == 0 && text_size > 0)
            EXPECT(cbor_diagnose(item, style, text, text_size, &text_size) == CBOR_NO_ROOM);
    }
    return 0;
}
