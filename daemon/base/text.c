#include "daemon/base/text.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

int text_copy(char *out, size_t capacity, const char *text)
{
    return text_copy_bytes(out, capacity, bytes_of_text(text));
}

int text_copy_bytes(char *out, size_t capacity, struct bytes text)
{
    out[0] = '\0';
    if (text.size >= capacity)
        return -E2BIG;
    if (text.size > 0)
        memcpy(out, text.data, text.size);
    out[text.size] = '\0';
    return 0;
}

void hex_encode(struct bytes data, char *out)
{
    static const char digits[] = "0123456789abcdef";

    for (size_t i = 0; i < data.size; i++) {
        out[2 * i] = digits[data.data[i] >> 4];
        out[2 * i + 1] = digits[data.data[i] & 15];
    }
    out[2 * data.size] = '\0';
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

int hex_decode(const char *text, uint8_t *out, size_t size)
{
    if (strlen(text) != 2 * size)
        return -EINVAL;
    for (size_t i = 0; i < 2 * size; i++)
        if (hex_digit(text[i]) < 0)
            return -EINVAL;
    for (size_t i = 0; i < size; i++)
        out[i] = (uint8_t)(hex_digit(text[2 * i]) << 4 | hex_digit(text[2 * i + 1]));
    return 0;
}

int integer_parse(const char *text, int64_t least, int64_t most, int64_t *out)
{
    char *end;

    if (!isdigit((unsigned char)text[0]) && !(text[0] == '-' && isdigit((unsigned char)text[1])))
        return -EINVAL;
    errno = 0;
    long long value = strtoll(text, &end, 10);
    if (errno != 0 || *end != '\0' || value < least || value > most)
        return -EINVAL;
    *out = value;
    return 0;
}

static int push_digit(int64_t *value, int digit, bool negative)
{
    if (__builtin_mul_overflow(*value, 10, value))
        return -EINVAL;
    if (__builtin_add_overflow(*value, negative ? -digit : digit, value))
        return -EINVAL;
    return 0;
}

int fixed_parse(const char *text, int digits, int64_t *out)
{
    const char *at = text;
    bool negative = *at == '-';
    int64_t value = 0;
    int fraction = -1; /* digits seen behind the point; -1: no point yet */
    bool any = false;

    for (at += negative; *at != '\0'; at++) {
        if (*at == '.' && fraction < 0 && any) {
            fraction = 0;
            continue;
        }
        if (!isdigit((unsigned char)*at) || fraction == digits)
            return -EINVAL;
        if (push_digit(&value, *at - '0', negative) != 0)
            return -EINVAL;
        any = true;
        fraction += fraction >= 0;
    }
    if (!any || at[-1] == '.')
        return -EINVAL;
    for (int i = fraction < 0 ? 0 : fraction; i < digits; i++)
        if (push_digit(&value, 0, negative) != 0)
            return -EINVAL;
    *out = value;
    return 0;
}

void fixed_format(int64_t value, int digits, char out[32])
{
    uint64_t rest = value < 0 ? -(uint64_t)value : (uint64_t)value;
    bool fraction = false;
    char text[32];
    size_t at = sizeof text;

    text[--at] = '\0';
    for (int i = 0; i < digits; i++, rest /= 10) {
        if (rest % 10 != 0 || fraction)
            text[--at] = (char)('0' + rest % 10);
        fraction = fraction || rest % 10 != 0;
    }
    if (fraction)
        text[--at] = '.';
    do {
        text[--at] = (char)('0' + rest % 10);
        rest /= 10;
    } while (rest != 0);
    if (value < 0)
        text[--at] = '-';
    memcpy(out, text + at, sizeof text - at);
}

void time_format(int64_t unix_ms, char out[32])
{
    int64_t fraction = ((unix_ms % 1000) + 1000) % 1000;
    time_t seconds = (time_t)((unix_ms - fraction) / 1000);
    struct tm parts;

    if (gmtime_r(&seconds, &parts) == NULL) {
        snprintf(out, 32, "%lldms", (long long)unix_ms);
        return;
    }
    size_t length = strftime(out, 32, "%Y-%m-%dT%H:%M:%S", &parts);
    if (fraction != 0)
        snprintf(out + length, 32 - length, ".%03dZ", (int)fraction);
    else
        snprintf(out + length, 32 - length, "Z");
}

/* Reads exactly count digits at *at; -1 when there are fewer. */
static int digits_at(const char **at, int count)
{
    int value = 0;

    for (int i = 0; i < count; i++, (*at)++) {
        if (!isdigit((unsigned char)**at))
            return -1;
        value = value * 10 + (**at - '0');
    }
    return value;
}

static int date_at(const char **at, struct tm *out)
{
    int year = digits_at(at, 4);
    if (year < 1970 || *(*at)++ != '-')
        return -EINVAL;
    int month = digits_at(at, 2);
    if (month < 1 || month > 12 || *(*at)++ != '-')
        return -EINVAL;
    int day = digits_at(at, 2);
    if (day < 1 || day > 31)
        return -EINVAL;
    *out = (struct tm){ .tm_year = year - 1900, .tm_mon = month - 1, .tm_mday = day };
    return 0;
}

static int clock_at(const char **at, struct tm *out, int64_t *out_ms)
{
    int hour = digits_at(at, 2);
    if (hour < 0 || hour > 23 || *(*at)++ != ':')
        return -EINVAL;
    int minute = digits_at(at, 2);
    if (minute < 0 || minute > 59 || *(*at)++ != ':')
        return -EINVAL;
    int second = digits_at(at, 2);
    if (second < 0 || second > 59)
        return -EINVAL;
    *out_ms = 0;
    if (**at == '.') {
        int weight = 100;
        for ((*at)++; isdigit((unsigned char)**at); (*at)++, weight /= 10)
            *out_ms += (int64_t)(**at - '0') * weight;
    }
    out->tm_hour = hour;
    out->tm_min = minute;
    out->tm_sec = second;
    return 0;
}

static int zone_at(const char **at, int64_t *out_offset_ms)
{
    int sign = **at == '-' ? -1 : 1;

    *out_offset_ms = 0;
    if (**at == 'Z' || **at == 'z') {
        (*at)++;
        return 0;
    }
    if (**at != '+' && **at != '-')
        return -EINVAL;
    (*at)++;
    int hour = digits_at(at, 2);
    if (hour < 0 || hour > 23 || *(*at)++ != ':')
        return -EINVAL;
    int minute = digits_at(at, 2);
    if (minute < 0 || minute > 59)
        return -EINVAL;
    *out_offset_ms = ((int64_t)hour * 60 + minute) * 60000 * sign;
    return 0;
}

int time_parse(const char *text, int64_t *out_unix_ms)
{
    const char *at = text;
    struct tm parts;
    int64_t ms = 0;
    int64_t offset_ms = 0;

    if (date_at(&at, &parts) != 0)
        return -EINVAL;
    int day = parts.tm_mday;
    if (*at != '\0') {
        if (*at != 'T' && *at != 't' && *at != ' ')
            return -EINVAL;
        at++;
        if (clock_at(&at, &parts, &ms) != 0 || zone_at(&at, &offset_ms) != 0 || *at != '\0')
            return -EINVAL;
    }
    time_t seconds = timegm(&parts);
    if (parts.tm_mday != day) /* 30 February */
        return -EINVAL;
    *out_unix_ms = (int64_t)seconds * 1000 + ms - offset_ms;
    return 0;
}

int duration_parse(const char *text, int64_t *out_ms)
{
    static const struct {
        const char *unit;
        int64_t ms;
    } units[] = { { "ms", 1 }, { "s", 1000 }, { "m", 60000 }, { "h", 3600000 }, { "d", 86400000 } };
    char *end;

    if (!isdigit((unsigned char)text[0]))
        return -EINVAL;
    errno = 0;
    long long count = strtoll(text, &end, 10);
    if (errno != 0 || count <= 0)
        return -EINVAL;
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        if (strcmp(end, units[i].unit) != 0)
            continue;
        return __builtin_mul_overflow(count, units[i].ms, out_ms) ? -EINVAL : 0;
    }
    return -EINVAL;
}

bool name_is_valid(const char *name)
{
    size_t length = strlen(name);

    if (length == 0 || length > 63 || !isalnum((unsigned char)name[0]))
        return false;
    for (size_t i = 0; i < length; i++)
        if (!(islower((unsigned char)name[i]) || isdigit((unsigned char)name[i]) || strchr(".-_", name[i]) != NULL))
            return false;
    return true;
}
