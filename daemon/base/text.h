/* text.h - small conversions between text and values that every room shares: hex, integers, times, durations, decimals.
 * All refuse what does not fit instead of guessing; parsers return 0 or -EINVAL, and set their output only on success.
 */
#ifndef TINYPART_BASE_TEXT_H
#define TINYPART_BASE_TEXT_H

#include <stdbool.h>

#include "device_proto/bytes.h"

/* Copies text into out, NUL-terminated. -E2BIG when it does not fit (out is then ""). */
int text_copy(char *out, size_t capacity, const char *text);
int text_copy_bytes(char *out, size_t capacity, struct bytes text);

/* Lower-case hex; out needs 2 * data.size + 1 bytes. */
void hex_encode(struct bytes data, char *out);
/* Exactly size bytes of hex of either case. */
int hex_decode(const char *text, uint8_t *out, size_t size);

/* Whole text is a decimal integer within [least, most]. */
int integer_parse(const char *text, int64_t least, int64_t most, int64_t *out);

/* "1", "0.25", "-3.5" times 10^digits as an exact integer; more fraction digits than that are refused (-EINVAL), as is
 * anything beyond int64. Example: fixed_parse("0.25", 6, &e) gives 250000. */
int fixed_parse(const char *text, int digits, int64_t *out);
/* The reverse, shortest form: 250000 with 6 digits is "0.25". out needs 32 bytes. */
void fixed_format(int64_t value, int digits, char out[32]);

/* RFC 3339 in UTC, milliseconds shown only when not zero: "2026-11-21T00:00:00Z". out needs 32 bytes. */
void time_format(int64_t unix_ms, char out[32]);
/* RFC 3339 ("2026-11-21T08:00:00Z", fraction and numeric offset allowed) or a date alone (its midnight, UTC). */
int time_parse(const char *text, int64_t *out_unix_ms);

/* "90s", "15m", "6h", "7d", "250ms" into milliseconds, positive. */
int duration_parse(const char *text, int64_t *out_ms);

/* 1..63 characters of a-z 0-9 . - _ , first one a letter or digit: the form of every name in the registry. */
bool name_is_valid(const char *name);

#endif
