/* list.c - comma lists as texts, because that is how people write them and how the store keeps them. */
#include "daemon/core/list.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/base/text.h"

/* The next item of a list, without its comma; false at the end. An empty item is given as such. */
static bool next_item(const char **at, char out[NAME_SIZE], bool *out_fits)
{
    if (*at == NULL)
        return false;
    size_t size = strcspn(*at, ",");
    *out_fits = text_copy_bytes(out, NAME_SIZE, bytes_view(*at, size)) == 0;
    *at = (*at)[size] == ',' ? *at + size + 1 : NULL;
    return true;
}

static int number_parse(const char *text, uint32_t *out)
{
    bool hex = text[0] == '0' && text[1] == 'x';
    char *end;

    if (!isxdigit((unsigned char)text[hex ? 2 : 0]))
        return -EINVAL;
    errno = 0;
    unsigned long long value = strtoull(hex ? text + 2 : text, &end, hex ? 16 : 10);
    if (errno != 0 || *end != '\0' || value > UINT32_MAX)
        return -EINVAL;
    *out = (uint32_t)value;
    return 0;
}

int list_numbers(const char *list, uint32_t out[LIST_NUMBERS_MAX], size_t *out_count)
{
    char item[NAME_SIZE];
    size_t count = 0;
    bool fits;

    if (list[0] == '\0')
        list = NULL;
    while (next_item(&list, item, &fits)) {
        if (!fits || count == LIST_NUMBERS_MAX || number_parse(item, &out[count]) != 0)
            return -EINVAL;
        count++;
    }
    *out_count = count;
    return 0;
}

bool list_has_number(const char *list, uint32_t number)
{
    uint32_t numbers[LIST_NUMBERS_MAX];
    size_t count;

    if (strcmp(list, "*") == 0)
        return true;
    if (list_numbers(list, numbers, &count) != 0)
        return false;
    for (size_t i = 0; i < count; i++)
        if (numbers[i] == number)
            return true;
    return false;
}

bool list_has_name(const char *list, const char *name)
{
    char item[NAME_SIZE];
    bool fits;

    if (strcmp(list, "*") == 0)
        return true;
    while (next_item(&list, item, &fits))
        if (fits && item[0] != '\0' && strcmp(item, name) == 0)
            return true;
    return false;
}

int list_write_hex(const uint32_t *numbers, size_t count, char out[LIST_SIZE])
{
    size_t size = 0;

    out[0] = '\0';
    for (size_t i = 0; i < count; i++) {
        int n = snprintf(out + size, LIST_SIZE - size, "%s0x%x", i > 0 ? "," : "", (unsigned)numbers[i]);
        if (n < 0 || (size_t)n >= LIST_SIZE - size)
            return -E2BIG;
        size += (size_t)n;
    }
    return 0;
}

bool list_is_names(const char *list)
{
    char item[NAME_SIZE];
    bool fits;

    if (strlen(list) >= LIST_SIZE)
        return false;
    if (list[0] == '\0' || strcmp(list, "*") == 0)
        return true;
    while (next_item(&list, item, &fits))
        if (!fits || !name_is_valid(item))
            return false;
    return true;
}

bool list_is_numbers(const char *list, uint32_t most)
{
    uint32_t numbers[LIST_NUMBERS_MAX];
    size_t count;

    if (strlen(list) >= LIST_SIZE)
        return false;
    if (strcmp(list, "*") == 0)
        return true;
    if (list_numbers(list, numbers, &count) != 0)
        return false;
    for (size_t i = 0; i < count; i++)
        if (numbers[i] > most)
            return false;
    return true;
}
