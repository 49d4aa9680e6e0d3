/* list.h - the comma lists of grants, images and profiles: "0,1", "0x30,0x31", "temperature,load"; "*" is everything,
 * "" is nothing. */
#ifndef TINYPART_CORE_LIST_H
#define TINYPART_CORE_LIST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/core/limits.h"

#define LIST_NUMBERS_MAX 64

/* Numbers in decimal or 0x hexadecimal, at most LIST_NUMBERS_MAX of them. 0 or -EINVAL. "" has none; "*" is -EINVAL. */
int list_numbers(const char *list, uint32_t out[LIST_NUMBERS_MAX], size_t *out_count);
bool list_has_number(const char *list, uint32_t number);
bool list_has_name(const char *list, const char *name);

/* "0x30,0x31" out of numbers; -E2BIG when they do not fit. */
int list_write_hex(const uint32_t *numbers, size_t count, char out[LIST_SIZE]);

/* Whether a text is such a list: of names, or of numbers up to most. "*" and "" are. */
bool list_is_names(const char *list);
bool list_is_numbers(const char *list, uint32_t most);

#endif
