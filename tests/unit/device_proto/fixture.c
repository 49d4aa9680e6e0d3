#include "tests/unit/device_proto/fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <dirent.h>
#include <stdlib.h>
#include <cmocka.h>

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

struct bytes fixture_hex(const char *hex, uint8_t *out, size_t capacity)
{
    size_t size = 0;

    while (*hex != '\0') {
        if (*hex == '#') {
            while (*hex != '\0' && *hex != '\n')
                hex++;
            continue;
        }
        if (*hex == ' ' || *hex == '\n' || *hex == '\r') {
            hex++;
            continue;
        }
        assert_true(hex_digit(hex[0]) >= 0 && hex_digit(hex[1]) >= 0);
        assert_true(size < capacity);
        out[size++] = (uint8_t)(hex_digit(hex[0]) << 4 | hex_digit(hex[1]));
        hex += 2;
    }
    return bytes_view(out, size);
}

static bool read_file(const char *path, uint8_t *out, size_t capacity, struct bytes *out_file)
{
    FILE *file = fopen(path, "rb");
    size_t size;

    if (file == NULL)
        return false;
    size = fread(out, 1, capacity, file);
    (void)fclose(file);
    assert_true(size < capacity);
    *out_file = bytes_view(out, size);
    return true;
}

static const char *source_root(void)
{
    const char *root = getenv("TINYPART_SOURCE");

    return root != NULL ? root : ".";
}

struct bytes fixture_source(const char *path, uint8_t *out, size_t capacity)
{
    struct bytes file = { NULL, 0 };
    char full[4096];

    (void)snprintf(full, sizeof(full), "%s/%s", source_root(), path);
    assert_true(read_file(full, out, capacity, &file));
    return file;
}

static void vector_path(const char *path, char *out, size_t capacity)
{
    const char *folder = getenv("TINYPART_VECTORS");

    if (folder != NULL)
        (void)snprintf(out, capacity, "%s/%s", folder, path);
    else
        (void)snprintf(out, capacity, "%s/../shared/vectors/%s", source_root(), path);
}

bool fixture_vector(const char *path, uint8_t *out, size_t capacity, struct bytes *out_file)
{
    char full[4096];

    vector_path(path, full, sizeof(full));
    if (read_file(full, out, capacity, out_file))
        return true;
    print_message("no vectors at %s: this test rests on the project's own cases\n", full);
    return false;
}

json_t *fixture_vector_json(const char *path)
{
    static uint8_t text[1 << 20];
    struct bytes file;
    json_error_t error;
    json_t *json;

    if (!fixture_vector(path, text, sizeof(text), &file))
        return NULL;
    json = json_loadb((const char *)file.data, file.size, 0, &error);
    assert_non_null(json);
    return json;
}

size_t fixture_vector_each(const char *folder, const char *suffix, void (*each)(void *context, const char *name),
                           void *context)
{
    struct dirent *entry;
    char full[4096];
    size_t count = 0;

    vector_path(folder, full, sizeof(full));
    DIR *opened = opendir(full);
    while (opened != NULL && (entry = readdir(opened)) != NULL) {
        size_t size = strlen(entry->d_name), end = strlen(suffix);
        if (size < end || strcmp(entry->d_name + size - end, suffix) != 0)
            continue;
        each(context, entry->d_name);
        count++;
    }
    if (opened != NULL)
        (void)closedir(opened);
    return count;
}

static int fill_random(void *context, uint8_t *out, size_t size)
{
    struct fixture_random *random = context;

    for (size_t i = 0; i < size; i++) {
        if (random->left == 0) {
            uint64_t z = (random->state += 0x9E3779B97F4A7C15u);

            z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
            z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
            random->word = z ^ (z >> 31);
            random->left = 8;
        }
        out[i] = (uint8_t)random->word;
        random->word >>= 8;
        random->left--;
    }
    return 0;
}

struct proto_random fixture_random(struct fixture_random *random, uint64_t seed)
{
    *random = (struct fixture_random){ .state = seed };
    return (struct proto_random){ random, fill_random };
}

static int fill_script(void *context, uint8_t *out, size_t size)
{
    struct fixture_script *script = context;

    if (size > script->rest.size)
        return -5;
    memcpy(out, script->rest.data, size);
    script->rest = bytes_view(script->rest.data + size, script->rest.size - size);
    return 0;
}

struct proto_random fixture_script(struct fixture_script *script)
{
    return (struct proto_random){ script, fill_script };
}
