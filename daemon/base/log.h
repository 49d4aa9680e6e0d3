/* log.h - one line an event, for the journal or a terminal.
 * The rules never log; the edges log once, with a topic and the ids a person needs to find the thing. The sink is the
 * one global of the program: stderr, with systemd's <n> priority prefix where the journal reads it. */
#ifndef TINYPART_BASE_LOG_H
#define TINYPART_BASE_LOG_H

enum log_level { LOG_LEVEL_ERROR = 3, LOG_LEVEL_WARNING = 4, LOG_LEVEL_INFO = 6, LOG_LEVEL_DEBUG = 7 };

/* Lines above this level are dropped. journal: prefix lines with <priority> (stderr is the journal's stream). */
void log_configure(enum log_level most, int journal);

void log_line(enum log_level level, const char *topic, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* A fault: the negative errno is spelled out behind the sentence. */
void log_fault(const char *topic, int fault, const char *format, ...) __attribute__((format(printf, 3, 4)));

#define log_info(topic, ...)    log_line(LOG_LEVEL_INFO, topic, __VA_ARGS__)
#define log_warning(topic, ...) log_line(LOG_LEVEL_WARNING, topic, __VA_ARGS__)
#define log_error(topic, ...)   log_line(LOG_LEVEL_ERROR, topic, __VA_ARGS__)
#define log_debug(topic, ...)   log_line(LOG_LEVEL_DEBUG, topic, __VA_ARGS__)

#endif
