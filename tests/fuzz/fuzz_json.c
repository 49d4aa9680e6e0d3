/* Any text as JSON: whole values are skipped and strings unescaped; whatever Jansson takes, this tokenizer takes. */
#include "device_proto/json_reader.h"
#include "tests/fuzz/jansson_oracle.h"
#include "tests/fuzz/sham_crypto.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define DEPTH 32u

/* Every token by itself: its text lies in the input, and no string grows by losing its escapes. */
static void walk(struct bytes text)
{
    struct json_reader reader = { text };
    static uint8_t out[4096];
    struct json_token token;
    size_t size;

    for (token = json_next(&reader); token.kind != JSON_MALFORMED; token = json_next(&reader)) {
        if (token.kind != JSON_STRING)
            continue;
        EXPECT(token.text.size <= text.size);
        if (json_unescape(&token, out, sizeof out, &size) == 0)
            EXPECT(size <= token.text.size && (token.escaped || size == token.text.size));
    }
}

static bool is_whole(struct bytes text, int *out_refusal)
{
    struct json_reader reader = { text };

    *out_refusal = json_skip(&reader, DEPTH);
    return *out_refusal == 0 && json_at_end(&reader);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes text = bytes_view(data, size);
    int refusal;
    bool ours;

    walk(text);
    ours = is_whole(text, &refusal);
    /* A NUL behind the value is the end of the text to Jansson; to RFC 8259 it is none. */
    if (refusal == JSON_TOO_DEEP || (size > 0 && memchr(data, 0, size) != NULL))
        return 0;
    EXPECT(ours || !jansson_reads(data, size));
    return 0;
}
