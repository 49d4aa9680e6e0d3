/* script.c - scripts as text. */
#include "device_proto/script.h"

unsigned utf8_length(struct bytes text)
{
    static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
    uint8_t first = text.size > 0 ? text.data[0] : 0xFF;
    unsigned length = first < 0x80 ? 1 : first >= 0xC0 && first < 0xE0 ? 2 : first >= 0xE0 && first < 0xF0 ? 3 : 4;
    uint32_t value = length == 1 ? first : first & (0xFFu >> (length + 1));

    if (first >= 0xF8 || (first >= 0x80 && first < 0xC0) || text.size < length)
        return 0;
    for (unsigned i = 1; i < length; i++) {
        if ((text.data[i] & 0xC0u) != 0x80)
            return 0;
        value = value << 6 | (text.data[i] & 0x3Fu);
    }
    return value < least[length] || value > 0x10FFFF || (value >= 0xD800 && value <= 0xDFFF) ? 0 : length;
}

static int check_character(struct bytes rest, unsigned *out_length)
{
    *out_length = utf8_length(rest);
    if (*out_length == 0)
        return SCRIPT_NOT_UTF8;
    if (*out_length == 1 && (rest.data[0] < 0x20 || rest.data[0] == 0x7F) && rest.data[0] != '\t' &&
        rest.data[0] != '\n')
        return SCRIPT_CONTROL;
    return 0;
}

int script_check(struct bytes script, size_t size_max, uint32_t *out_line)
{
    size_t line_size = 0;
    unsigned length;

    *out_line = 1;
    if (script.size == 0)
        return SCRIPT_EMPTY;
    if (script.size > size_max)
        return SCRIPT_OVERSIZE;
    if (script.size >= 3 && memcmp(script.data, "\xEF\xBB\xBF", 3) == 0)
        return SCRIPT_BYTE_ORDER_MARK;
    for (size_t i = 0; i < script.size; i += length) {
        int r = check_character(bytes_view(script.data + i, script.size - i), &length);

        if (r != 0)
            return r;
        line_size += length;
        if (script.data[i] == '\n') {
            ++*out_line;
            line_size = 0;
        }
        if (line_size > SCRIPT_LINE_MAX)
            return SCRIPT_LONG_LINE;
    }
    return 0;
}

const char *script_reason_text(int reason)
{
    static const char *const texts[] = {
        [0] = "no problem",
        [SCRIPT_EMPTY] = "it is empty",
        [SCRIPT_OVERSIZE] = "it is larger than a container may be",
        [SCRIPT_BYTE_ORDER_MARK] = "it begins with a byte order mark: save it as UTF-8 without one",
        [SCRIPT_NOT_UTF8] = "it is not UTF-8",
        [SCRIPT_CONTROL] = "a control character other than tab and newline (lines end in LF, not CR LF)",
        [SCRIPT_LONG_LINE] = "a line of more than 1024 bytes",
    };

    if (reason < 0 || (size_t)reason >= sizeof(texts) / sizeof(texts[0]))
        return "unknown reason";
    return texts[reason];
}
