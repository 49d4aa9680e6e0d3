#include "daemon/base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Text from outside (device names, URLs) ends up in log lines: control characters must not forge new ones. */
enum { LINE_SIZE = 1024 };

static struct {
    enum log_level most;
    int journal;
} sink = { LOG_LEVEL_INFO, 0 };

void log_configure(enum log_level most, int journal)
{
    sink.most = most;
    sink.journal = journal;
}

static void disarm(char *line)
{
    for (char *at = line; *at != '\0'; at++)
        if ((unsigned char)*at < 0x20 || *at == 0x7f)
            *at = '?';
}

__attribute__((format(printf, 4, 0))) static void write_line(enum log_level level, const char *topic, const char *fault,
                                                             const char *format, va_list arguments)
{
    char line[LINE_SIZE];
    char prefix[8] = "";

    if (level > sink.most)
        return;
    vsnprintf(line, sizeof(line), format, arguments);
    disarm(line);
    if (sink.journal)
        snprintf(prefix, sizeof(prefix), "<%d>", (int)level);
    fprintf(stderr, "%s%s: %s%s%s\n", prefix, topic, line, fault[0] != '\0' ? ": " : "", fault);
}

void log_line(enum log_level level, const char *topic, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    write_line(level, topic, "", format, arguments);
    va_end(arguments);
}

void log_fault(const char *topic, int fault, const char *format, ...)
{
    char text[128];
    va_list arguments;

    /* GNU strerror_r: returns the text, not necessarily in the buffer given. */
    const char *name = strerror_r(fault < 0 ? -fault : fault, text, sizeof(text));
    va_start(arguments, format);
    write_line(LOG_LEVEL_ERROR, topic, name, format, arguments);
    va_end(arguments);
}
