#include "cli/common.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "daemon/base/refusal.h"
#include "daemon/base/text.h"
#include "daemon/crypto_openssl/crypto_openssl.h"

int common_list(struct call *call, const struct path *path, const struct column *columns)
{
    json_t *items = NULL;
    int64_t limit = 0;

    int r = call_integer(call, "limit", 1, 1000000000, &limit);
    if (r == EXIT_DONE)
        r = client_list(call->client, path, (size_t)limit, &items);
    if (r == EXIT_DONE)
        call->output->list(call->output, items, columns);
    json_decref(items);
    return r;
}

int common_show(struct call *call, const struct path *path, const struct column *columns)
{
    json_t *object = NULL;

    int r = client_json(call->client, "GET", path, NULL, &object);
    if (r == EXIT_DONE)
        call->output->object(call->output, object, columns);
    json_decref(object);
    return r;
}

int common_send(struct call *call, const char *method, const struct path *path, json_t *body, json_t **out_reply)
{
    int r = client_json(call->client, method, path, body, out_reply);

    json_decref(body);
    return r;
}

int common_do(struct call *call, const char *method, const struct path *path, json_t *body, const char *format, ...)
{
    json_t *reply = NULL;
    char sentence[512];
    va_list arguments;

    int r = common_send(call, method, path, body, &reply);
    if (r != EXIT_DONE)
        return r;
    va_start(arguments, format);
    vsnprintf(sentence, sizeof(sentence), format, arguments);
    va_end(arguments);
    call->output->done(call->output, "%s", sentence);
    if (call->output->is_json && reply != NULL)
        call->output->object(call->output, reply, NULL);
    json_decref(reply);
    return EXIT_DONE;
}

void common_put(const struct call *call, json_t *body, const char *option, const char *member)
{
    const char *text = call_option(call, option);

    if (text != NULL)
        json_object_set_new(body, member, json_string(text));
}

void common_put_list(const struct call *call, json_t *body, const char *option, const char *member)
{
    const char *at = call_option(call, option);
    json_t *list = json_array();

    for (; at != NULL && *at != '\0';) {
        size_t length = strcspn(at, ",");
        if (length > 0)
            json_array_append_new(list, json_stringn(at, length));
        at += length + (at[length] == ',');
    }
    if (call_option(call, option) != NULL)
        json_object_set(body, member, list);
    json_decref(list);
}

int common_put_time(const struct call *call, json_t *body, const char *option, const char *member)
{
    const char *text = call_option(call, option);
    char formatted[32];
    int64_t ms = 0;

    if (text == NULL)
        return EXIT_DONE;
    if ((text[0] == '-' || text[0] == '+') && duration_parse(text + 1, &ms) == 0) {
        int64_t now_ms = (int64_t)time(NULL) * 1000;
        ms = text[0] == '-' ? now_ms - ms : now_ms + ms;
    } else if (time_parse(text, &ms) != 0) {
        return call_usage(call, "--%s %s is no time such as 2026-11-21T08:00:00Z, 2026-11-21 or -1h", option, text);
    }
    time_format(ms, formatted);
    json_object_set_new(body, member, json_string(formatted));
    return EXIT_DONE;
}

int common_put_duration(const struct call *call, json_t *body, const char *option, const char *member)
{
    int64_t ms = 0;

    int r = call_duration(call, option, &ms);
    if (r == EXIT_DONE && call_option(call, option) != NULL)
        json_object_set_new(body, member, json_integer(ms));
    return r;
}

int common_put_integer(const struct call *call, json_t *body, const char *option, const char *member, int64_t least,
                       int64_t most)
{
    int64_t value = 0;

    int r = call_integer(call, option, least, most, &value);
    if (r == EXIT_DONE && call_option(call, option) != NULL)
        json_object_set_new(body, member, json_integer(value));
    return r;
}

static int cannot(const char *verb, const char *path)
{
    fprintf(stderr, "tinypartctl: %s cannot be %s: %s\n", path, verb, strerror(errno));
    return EXIT_FAULT;
}

int common_read(const char *path, size_t most, uint8_t **out, size_t *out_size)
{
    FILE *file = strcmp(path, "-") == 0 ? stdin : fopen(path, "rb");
    uint8_t *data = file == NULL ? NULL : malloc(most + 1);

    if (data == NULL)
        return cannot("read", path);
    size_t size = fread(data, 1, most + 1, file);
    bool failed = ferror(file) != 0;
    if (file != stdin)
        fclose(file);
    if (!failed && size <= most) {
        *out = data;
        *out_size = size;
        return EXIT_DONE;
    }
    free(data);
    if (failed)
        return cannot("read", path);
    fprintf(stderr, "tinypartctl: %s is larger than %zu bytes\n", path, most);
    return EXIT_REFUSED;
}

int common_write(const char *path, struct bytes content)
{
    char aside[1100];

    if (strcmp(path, "-") == 0)
        return fwrite(content.data, 1, content.size, stdout) == content.size ? EXIT_DONE
                                                                             : cannot("written", "standard output");
    int size = snprintf(aside, sizeof(aside), "%s.tmp-%ld", path, (long)getpid());
    if (size < 0 || (size_t)size >= sizeof(aside)) {
        errno = ENAMETOOLONG;
        return cannot("written", path);
    }
    FILE *file = fopen(aside, "wbxe"); /* x: through no link that someone laid there */
    if (file == NULL)
        return cannot("written", path);
    bool whole = fwrite(content.data, 1, content.size, file) == content.size;
    whole = fclose(file) == 0 && whole;
    if (whole && rename(aside, path) == 0)
        return EXIT_DONE;
    int r = cannot("written", path);
    unlink(aside);
    return r;
}

const char *common_text(const json_t *object, const char *member)
{
    const char *text = json_string_value(json_object_get(object, member));

    return text != NULL ? text : "?";
}

int common_split_image(const struct call *call, const char *text, char name[64], char version[40])
{
    const char *colon = strchr(text, ':');

    if (colon == NULL || colon[1] == '\0' || text_copy_bytes(name, 64, bytes_view(text, (size_t)(colon - text))) != 0 ||
        text_copy(version, 40, colon + 1) != 0)
        return call_usage(call, "%s is no image: write NAME:VERSION, as thermo:1.2", text);
    return EXIT_DONE;
}

int common_outcome(int r, const struct why *why)
{
    if (r == 0)
        return EXIT_DONE;
    if (r > 0) {
        why_print(why);
        return EXIT_REFUSED;
    }
    fprintf(stderr, "tinypartctl: failed: %s\n", strerror(-r));
    return EXIT_FAULT;
}

int common_put_question(const struct call *call, json_t *body)
{
    static const char *const words[] = { "tenant",    "query", "sensor", "selector",   "epsilon", "rho",
                                         "mechanism", "edges", "at",     "categories", "by",      "source" };

    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        common_put(call, body, words[i], words[i]);
    int r = common_put_integer(call, body, "top", "top", 1, 64);
    return r == EXIT_DONE ? common_put_duration(call, body, "step", "step_ms") : r;
}

int common_read_public(const char *file, struct public_key *out)
{
    struct why why;
    uint8_t *pem = NULL;
    size_t size = 0;

    int r = common_read(file, COMMON_PEM_MAX, &pem, &size);
    if (r == EXIT_DONE)
        r = common_outcome(crypto_public_read_pem(bytes_view(pem, size), out, &why), &why);
    free(pem);
    return r;
}
