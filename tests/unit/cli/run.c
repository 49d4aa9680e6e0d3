#include "run.h"

#include <stdarg.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { WORDS_MAX = 40 };

static char folder[64];

char *file_read(const char *path, size_t *out_size)
{
    FILE *file = fopen(path, "rb");
    size_t size = 0;
    size_t capacity = 1 << 16;

    if (file == NULL)
        return NULL;
    char *text = malloc(capacity + 1);
    assert_non_null(text);
    for (size_t got; (got = fread(text + size, 1, capacity - size, file)) > 0;) {
        size += got;
        if (size == capacity) {
            capacity *= 2;
            text = realloc(text, capacity + 1);
            assert_non_null(text);
        }
    }
    fclose(file);
    text[size] = '\0';
    if (out_size != NULL)
        *out_size = size;
    return text;
}

void file_write(const char *path, const void *data, size_t size)
{
    FILE *file = fopen(path, "wb");

    assert_non_null(file);
    assert_int_equal(fwrite(data, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
}

void result_deinit(struct result *result)
{
    free(result->out);
    free(result->err);
    *result = (struct result){ 0 };
}

static void become(const char *const words[])
{
    char *arguments[WORDS_MAX + 2] = { (char *)(uintptr_t) "tinypartctl" };
    int out = open("run.out", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    int err = open("run.err", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    for (int i = 0; i < WORDS_MAX && words[i] != NULL; i++)
        arguments[i + 1] = (char *)(uintptr_t)words[i];
    if (dup2(out, STDOUT_FILENO) < 0 || dup2(err, STDERR_FILENO) < 0)
        _exit(126);
    execv(TINYPARTCTL, arguments);
    _exit(127);
}

void run(struct result *result, const char *const words[])
{
    int status = 0;

    result_deinit(result);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0)
        become(words);
    assert_int_equal(waitpid(child, &status, 0), child);
    result->code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    result->out = file_read("run.out", NULL);
    result->err = file_read("run.err", NULL);
    assert_non_null(result->out);
    assert_non_null(result->err);
}

void expect(const struct result *result, int code, const char *out_part, const char *err_part)
{
    if (result->code == code && (out_part == NULL || strstr(result->out, out_part) != NULL) &&
        (err_part == NULL || strstr(result->err, err_part) != NULL))
        return;
    print_message("wanted exit code %d, \"%s\" and \"%s\"; got %d\n--- out\n%s--- err\n%s---\n", code,
                  out_part != NULL ? out_part : "", err_part != NULL ? err_part : "", result->code, result->out,
                  result->err);
    fail();
}

void folder_make(void)
{
    snprintf(folder, sizeof(folder), "/tmp/tinypart-cli-XXXXXX");
    assert_non_null(mkdtemp(folder));
    assert_int_equal(chdir(folder), 0);
    unsetenv("TINYPART_SOCKET");
    unsetenv("TINYPART_URL");
    unsetenv("TINYPART_TOKEN");
}

static int remove_one(const char *path, const struct stat *status, int kind, struct FTW *walk)
{
    (void)status;
    (void)kind;
    (void)walk;
    return remove(path);
}

void folder_remove(void)
{
    assert_int_equal(chdir("/"), 0);
    nftw(folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}
