/* Any text as a JSON number, and its first bytes as a float: what is read is printed, and read again to the same. */
#include "device_proto/decimal.h"
#include "tests/fuzz/sham_crypto.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void expect_again(struct decimal value)
{
    char text[DECIMAL_TEXT_MAX];
    size_t size = decimal_print(value, text);
    struct decimal again, sum;
    int64_t scaled;

    EXPECT(size > 0 && size <= sizeof text);
    EXPECT(decimal_parse(bytes_view(text, size), &again) == 0);
    EXPECT(again.mantissa == value.mantissa && again.exponent10 == value.exponent10);
    EXPECT(value.mantissa != 0 || value.exponent10 == 0);
    EXPECT(decimal_add(value, (struct decimal){ 0, 0 }, &sum) == 0 && sum.mantissa == value.mantissa);
    if (decimal_scale(value, 1, &scaled) == 0 && value.exponent10 == 0)
        EXPECT(scaled == value.mantissa);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const unsigned widths[] = { 2, 4, 8 };
    uint64_t bits;
    struct decimal value;

    if (decimal_parse(bytes_view(data, size), &value) == 0)
        expect_again(value);
    for (unsigned i = 0; i < 3 && widths[i] <= size; i++) {
        bits = 0;
        for (unsigned at = 0; at < widths[i]; at++)
            bits = bits << 8 | data[at];
        if (decimal_from_float(bits, widths[i], &value) == 0)
            expect_again(value);
    }
    return 0;
}
