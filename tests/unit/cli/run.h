/* run.h - runs the built tinypartctl and keeps what it said. */
#ifndef TINYPART_TESTS_CLI_RUN_H
#define TINYPART_TESTS_CLI_RUN_H

#include <stdbool.h>
#include <stddef.h>

struct result {
    int code; /* the exit code; -1: it died */
    char *out;
    char *err;
};

/* Runs it with these words (NULL-terminated, the program's name not among them), and forgets the result before. */
void run(struct result *result, const char *const words[]);
void result_deinit(struct result *result);

/* run_ctl(&result, "image", "sign", ...) */
#define run_ctl(result, ...) run(result, (const char *const[]){ __VA_ARGS__, NULL })

/* Fails the test, with what was said, unless the code and parts of both outputs are so; NULL: whatever. */
void expect(const struct result *result, int code, const char *out_part, const char *err_part);

/* A folder for one test program, which is also where it runs; gone with folder_remove(). */
void folder_make(void);
void folder_remove(void);

/* A whole file, NUL-terminated, the caller's to free; NULL: there is none. */
char *file_read(const char *path, size_t *out_size);
void file_write(const char *path, const void *data, size_t size);

#endif
