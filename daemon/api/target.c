/* target.c - the request line's target, taken apart once and strictly.
 * Names are decoded after the path was split, so an encoded slash can never become a separator; it is refused, as no
 * name holds one. */
#include <errno.h>
#include <stdlib.h>
#include <strings.h>

#include "daemon/api/request.h"
#include "daemon/base/text.h"

static int refuse_target(struct why *why, const char *what)
{
    return refuse(why, REFUSED_INVALID, "target", "GET /v1/openapi.json lists the routes", "the request target %s",
                  what);
}

/* In place. plus: '+' means a blank (query values only). */
static int decode(char *text, bool plus, struct why *why)
{
    char *out = text;

    for (const char *in = text; *in != '\0'; in++) {
        uint8_t byte = (uint8_t)*in;
        if (*in == '%') {
            char digits[3] = { in[1], in[1] != '\0' ? in[2] : '\0', '\0' };
            if (hex_decode(digits, &byte, 1) != 0)
                return refuse_target(why, "has a % without two hexadecimal digits behind it");
            in += 2;
        } else if (plus && *in == '+') {
            byte = ' ';
        }
        if (byte < 0x20 || byte == 0x7f)
            return refuse_target(why, "holds a control byte");
        if (!plus && byte == '/')
            return refuse_target(why, "holds an encoded slash; no name has one");
        *out++ = (char)byte;
    }
    *out = '\0';
    return 0;
}

static int split_path(struct request *request, char *path, struct why *why)
{
    char *rest = path + 1;
    char *segment;

    while ((segment = strsep(&rest, "/")) != NULL) {
        if (request->segment_count == SEGMENTS_MAX)
            return refuse(why, REFUSED_UNKNOWN, "target", "GET /v1/openapi.json lists the routes",
                          "there is no such route");
        int r = decode(segment, false, why);
        if (r != 0)
            return r;
        request->segments[request->segment_count++] = segment;
    }
    return 0;
}

static int split_query(struct request *request, char *query, struct why *why)
{
    char *pair;

    while ((pair = strsep(&query, "&")) != NULL) {
        char *value = strchr(pair, '=');
        if (*pair == '\0')
            continue;
        if (value != NULL)
            *value++ = '\0';
        int r = decode(pair, true, why);
        if (r == 0 && value != NULL)
            r = decode(value, true, why);
        if (r != 0)
            return r;
        if (target_query(request, pair) != NULL)
            return refuse(why, REFUSED_INVALID, pair, "give it once", "the query parameter %s is given twice", pair);
        if (request->query_count == QUERY_MAX)
            return refuse_target(why, "has more query parameters than any route knows");
        request->query[request->query_count++] = (struct query_value){ pair, value != NULL ? value : "" };
    }
    return 0;
}

/* "http://host/path" is as good as "/path" (RFC 9112 section 3.2.2). */
static const char *skip_authority(const char *target)
{
    size_t scheme = strncasecmp(target, "http://", 7) == 0 ? 7 : strncasecmp(target, "https://", 8) == 0 ? 8 : 0;

    return scheme == 0 ? target : target + scheme + strcspn(target + scheme, "/");
}

int target_split(struct request *request, const char *target, struct why *why)
{
    target = skip_authority(target);
    if (*target != '/')
        return refuse_target(why, "is no path");
    request->target = strdup(target);
    if (request->target == NULL)
        return -ENOMEM;
    char *query = strchr(request->target, '?');
    if (query != NULL)
        *query++ = '\0';
    int r = split_path(request, request->target, why);
    return r != 0 || query == NULL ? r : split_query(request, query, why);
}

const char *target_query(const struct request *request, const char *name)
{
    for (size_t i = 0; i < request->query_count; i++)
        if (strcmp(request->query[i].name, name) == 0)
            return request->query[i].value;
    return NULL;
}

int request_id(const struct request *request, size_t capture, int64_t *out, struct why *why)
{
    if (integer_parse(request->path[capture], 1, INT64_MAX, out) == 0)
        return 0;
    return refuse(why, REFUSED_UNKNOWN, "id", "ids are whole numbers from 1 on", "there is nothing with the id %.64s",
                  request->path[capture]);
}

void request_deinit(struct request *request)
{
    if (request->waiting != NULL)
        request->waiting_gone(request->waiting);
    body_deinit(&request->body);
    buffer_deinit(&request->raw);
    buffer_deinit(&request->reply.body);
    free(request->target);
}
