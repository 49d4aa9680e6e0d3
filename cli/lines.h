/* lines.h - sentences in lines that are no longer than a terminal is wide. */
#ifndef TINYPART_CLI_LINES_H
#define TINYPART_CLI_LINES_H

#include <stddef.h>
#include <stdio.h>

/* How wide the terminal is that a file is, 20 to 120; what COLUMNS says, else 80, where it is none. */
size_t lines_width(FILE *file);
/* 0: it is no terminal. */
size_t lines_terminal(FILE *file);

/* A text, broken between words, its first line after what stands there already (column characters), the others
 * indented. Control characters become spaces. A word that is longer than a line stands on one of its own. */
void lines_print(FILE *out, const char *text, size_t width, size_t column, size_t indent);

/* How many places a UTF-8 text takes. */
size_t lines_length(const char *text, size_t size);

#endif
