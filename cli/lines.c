/* lines.c - words into lines. */
#include "cli/lines.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "cli/output.h"
#include "daemon/base/text.h"

enum { NARROWEST = 20, WIDEST = 120, ELSE = 80 };

size_t lines_terminal(FILE *file)
{
    struct winsize size;

    if (!isatty(fileno(file)) || ioctl(fileno(file), TIOCGWINSZ, &size) != 0 || size.ws_col == 0)
        return 0;
    return size.ws_col;
}

size_t lines_width(FILE *file)
{
    const char *columns = getenv("COLUMNS");
    int64_t width = (int64_t)lines_terminal(file);

    if (width == 0 && (columns == NULL || integer_parse(columns, NARROWEST, WIDEST, &width) != 0))
        width = ELSE;
    return (size_t)(width < NARROWEST ? NARROWEST : width > WIDEST ? WIDEST : width);
}

size_t lines_length(const char *text, size_t size)
{
    size_t length = 0;

    for (size_t i = 0; i < size; i++)
        length += ((unsigned char)text[i] & 0xc0) != 0x80;
    return length;
}

static void put_word(FILE *out, const char *word, size_t size)
{
    char *copy = strndup(word, size);

    if (copy != NULL)
        output_text(out, copy, false);
    free(copy);
}

void lines_print(FILE *out, const char *text, size_t width, size_t column, size_t indent)
{
    size_t start = column;

    while (*text != '\0') {
        const size_t size = strcspn(text, " "), length = lines_length(text, size);
        if (column > start && column + 1 + length > width) {
            fprintf(out, "\n%*s", (int)indent, "");
            column = start = indent;
        }
        if (column > start)
            fputc(' ', out);
        put_word(out, text, size);
        column += length + (column > start);
        text += size;
        text += strspn(text, " ");
    }
    fputc('\n', out);
}
