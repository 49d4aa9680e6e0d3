/* bar.c - a line of a chart in text. */
#include "cli/bar.h"

#include <langinfo.h>
#include <locale.h>
#include <stdio.h>
#include <string.h>

bool bar_has_blocks(void)
{
    locale_t locale = newlocale(LC_CTYPE_MASK, "", (locale_t)0);

    if (locale == (locale_t)0)
        return false;
    bool has = strcmp(nl_langinfo_l(CODESET, locale), "UTF-8") == 0;
    freelocale(locale);
    return has;
}

/* Cells of part, rounded up; of all but the last where it is not the whole. */
static int cells(int64_t part, int64_t whole)
{
    if (part <= 0 || whole <= 0)
        return 0;
    if (part >= whole)
        return BAR_WIDTH;
    int count = (int)(((unsigned __int128)part * BAR_WIDTH + (unsigned __int128)whole - 1) / (unsigned __int128)whole);
    return count < BAR_WIDTH ? count : BAR_WIDTH - 1;
}

void bar_draw(int64_t cap, int64_t unlocked, int64_t spent, bool blocks, char out[BAR_SIZE])
{
    int full = cells(spent, cap), open = cells(unlocked, cap);
    size_t size = 0;

    for (int i = 0; i < BAR_WIDTH; i++) {
        const char *cell = i < full ? (blocks ? "\u2588" : "#") : i < open ? (blocks ? "\u2591" : "-") : ".";
        size += (size_t)snprintf(out + size, BAR_SIZE - size, "%s", cell);
    }
}
