/* Any text as a script: what is taken is UTF-8, and taken again cut at any of its lines. */
#include "device_proto/script.h"
#include "tests/fuzz/sham_crypto.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void expect_utf8(struct bytes text)
{
    while (text.size > 0) {
        unsigned length = utf8_length(text);

        EXPECT(length >= 1 && length <= 4 && length <= text.size);
        text = bytes_view(text.data + length, text.size - length);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes script = bytes_view(data, size);
    const uint8_t *newline;
    uint32_t line;

    if (script_check(script, 4096, &line) != 0)
        return 0;
    expect_utf8(script);
    newline = memchr(data, '\n', size);
    if (newline != NULL)
        EXPECT(script_check(bytes_view(data, (size_t)(newline - data) + 1), 4096, &line) == 0);
    EXPECT(script_check(script, size - 1, &line) == SCRIPT_OVERSIZE || size == 1);
    return 0;
}
