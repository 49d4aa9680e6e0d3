/* Any text as the numbers, times and addresses that people and devices write: what is read, written and read again is
 * the same. */
#include <stdio.h>

#include "daemon/base/loss.h"
#include "daemon/base/text.h"
#include "daemon/transport_coap/peer.h"
#include "tests/fuzz/sham_crypto.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define TEXT_MAX 128u

static void numbers(const char *text)
{
    char out[32];
    int64_t value, again;

    if (fixed_parse(text, 6, &value) == 0) {
        fixed_format(value, 6, out);
        EXPECT(fixed_parse(out, 6, &again) == 0 && again == value);
    }
    if (integer_parse(text, -1000, 1000, &value) == 0)
        EXPECT(value >= -1000 && value <= 1000);
    /* Written with three digits and rounded up: never less than what was read. */
    if (delta_parse(text, &value) == 0) {
        delta_format(value, out);
        EXPECT(value >= 0 && delta_parse(out, &again) == 0 && again >= value);
    }
}

static void times(const char *text)
{
    int64_t value, again;
    char out[32];

    if (time_parse(text, &value) == 0) {
        time_format(value, out);
        EXPECT(time_parse(out, &again) == 0 && again == value);
    }
    if (duration_parse(text, &value) == 0)
        EXPECT(value > 0);
}

static void hex(const char *text)
{
    uint8_t bytes[TEXT_MAX / 2], again[TEXT_MAX / 2];
    char out[TEXT_MAX + 1];
    size_t size = strlen(text) / 2;

    if (hex_decode(text, bytes, size) != 0)
        return;
    hex_encode(bytes_view(bytes, size), out);
    EXPECT(hex_decode(out, again, size) == 0 && memcmp(bytes, again, size) == 0);
}

static void addresses(const char *text)
{
    union socket_address address, again;
    char host[ADDRESS_SIZE], uri[ADDRESS_SIZE + 16];

    if (address_parse_listen(text, 5683, &address) == 0)
        EXPECT(address_size(&address) > 0);
    if (address_parse(text, &address) != 0)
        return;
    address_format_host(&address, host);
    snprintf(uri, sizeof uri, "coap://%s:%u", host, (unsigned)address_port(&address));
    EXPECT(address_parse(uri, &again) == 0 && address_port(&again) == address_port(&address));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char text[TEXT_MAX + 1];

    if (size > TEXT_MAX)
        return 0;
    if (size > 0)
        memcpy(text, data, size);
    text[size] = '\0';
    numbers(text);
    times(text);
    hex(text);
    addresses(text);
    return 0;
}
