#include "daemon/api/json.h"

#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "daemon/api/server.h"
#include "daemon/base/text.h"

json_t *json_words(const char *text)
{
    json_t *json = json_string(text);
    if (json != NULL)
        return json;
    char *plain = strdup(text);
    if (plain == NULL)
        return NULL;
    for (char *at = plain; *at != '\0'; at++)
        if ((unsigned char)*at >= 0x80)
            *at = '?';
    json = json_string(plain);
    free(plain);
    return json;
}

json_t *json_words_or_null(const char *text)
{
    return text[0] != '\0' ? json_words(text) : json_null();
}

json_t *json_time(int64_t unix_ms)
{
    char text[32];

    if (unix_ms == 0)
        return json_null();
    time_format(unix_ms, text);
    return json_string(text);
}

json_t *json_epsilon(int64_t micro_epsilon)
{
    char text[32];

    fixed_format(micro_epsilon, 6, text);
    return json_string(text);
}

json_t *json_cap(int64_t micro_epsilon)
{
    return micro_epsilon != 0 ? json_epsilon(micro_epsilon) : json_null();
}

static json_t *amount(const struct loss *loss, enum loss_currency currency)
{
    char text[32];

    loss_amount_format(loss, currency, text);
    return json_string(text);
}

json_t *json_loss(const struct loss *loss)
{
    return json_pack("{s:o,s:o,s:o,s:b}", "epsilon", amount(loss, LOSS_EPSILON), "rho", amount(loss, LOSS_RHO), "delta",
                     amount(loss, LOSS_DELTA), "pure", !loss->impure);
}

json_t *json_loss_caps(const struct loss_caps *caps)
{
    struct loss amounts = loss_of_caps(caps);

    return json_pack("{s:o,s:o,s:o,s:b}", "epsilon", amount(&amounts, LOSS_EPSILON), "rho",
                     caps->nrho == LOSS_MAX ? json_null() : amount(&amounts, LOSS_RHO), "delta",
                     amount(&amounts, LOSS_DELTA), "pure_only", caps->pure_only);
}

json_t *json_hex(const void *data, size_t size)
{
    char *text = malloc(2 * size + 1);
    if (text == NULL)
        return NULL;
    hex_encode(bytes_view(data, size), text);
    json_t *json = json_string(text);
    free(text);
    return json;
}

json_t *json_list(const char *commas)
{
    json_t *list = json_array();

    while (list != NULL && *commas != '\0') {
        size_t size = strcspn(commas, ",");
        if (json_array_append_new(list, json_stringn(commas, size)) != 0) {
            json_decref(list);
            return NULL;
        }
        commas += size + (commas[size] == ',');
    }
    return list;
}

const char *key_type_name(enum key_type type)
{
    switch (type) {
    case KEY_ED25519:
        return "ed25519";
    case KEY_P256:
        return "p256";
    case KEY_HSS_LMS:
        return "hss-lms";
    case KEY_ML_DSA_44:
        return "ml-dsa-44";
    case KEY_ML_DSA_65:
        return "ml-dsa-65";
    case KEY_ML_DSA_87:
        return "ml-dsa-87";
    }
    return "unknown";
}

json_t *json_pem(const struct request *request, const struct public_key *key)
{
    char pem[PEM_SIZE];

    if (request->api->settings->public_write_pem(key, pem) != 0)
        return NULL;
    return json_string(pem);
}

json_t *json_key(const struct request *request, const struct public_key *key)
{
    if (key == NULL || key->size == 0)
        return json_null();
    return json_pack("{s:s,s:o,s:o}", "type", key_type_name(key->type), "pem", json_pem(request, key), "hex",
                     json_hex(key->raw, key->size));
}

static int append(const char *text, size_t size, void *context)
{
    struct buffer *out = context;

    buffer_append(out, text, size);
    return out->fault != 0 ? -1 : 0;
}

int json_append(struct buffer *out, json_t *json)
{
    if (json == NULL)
        return -ENOMEM;
    int r = json_dump_callback(json, append, out, JSON_COMPACT);
    json_decref(json);
    if (out->fault != 0)
        return out->fault;
    return r != 0 ? -ENOMEM : 0;
}

int json_append_with(struct buffer *out, json_t *json, const char *member, struct bytes raw)
{
    int r = json_append(out, json);
    if (r != 0)
        return r;
    out->size--; /* the object's closing brace */
    buffer_format(out, ",\"%s\":", member);
    buffer_append(out, raw.data, raw.size);
    buffer_text(out, "}");
    return out->fault;
}

int reply_json(struct reply *reply, unsigned status, json_t *json)
{
    reply->status = status;
    reply->type = "application/json";
    return json_append(&reply->body, json);
}

void reply_location(struct reply *reply, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(reply->location, sizeof(reply->location), format, arguments);
    va_end(arguments);
}

struct location_text location_part(const char *name)
{
    static const char safe[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~";
    struct location_text out = { "" };
    size_t size = 0;

    for (const char *at = name; *at != '\0' && size + 4 <= sizeof(out.text); at++) {
        if (strchr(safe, *at) != NULL)
            out.text[size++] = *at;
        else
            size += (size_t)snprintf(out.text + size, 4, "%%%02X", (unsigned)(unsigned char)*at);
    }
    out.text[size] = '\0';
    return out;
}

static int read_number(const struct request *request, const char *name, int64_t least, int64_t most, int64_t *out,
                       struct why *why)
{
    const char *text = target_query(request, name);

    if (text == NULL || integer_parse(text, least, most, out) == 0)
        return 0;
    return refuse(why, REFUSED_INVALID, name, NULL, "%s must be a whole number from %lld to %lld.", name,
                  (long long)least, (long long)most);
}

int listing_begin(struct listing *listing, struct request *request, struct why *why)
{
    int64_t after = 0;
    int64_t limit = 100;

    int r = read_number(request, "after", 0, INT64_MAX, &after, why);
    if (r == 0)
        r = read_number(request, "limit", 1, PAGE_MAX, &limit, why);
    if (r != 0)
        return r;
    *listing = (struct listing){ .request = request, .page = { after, (unsigned)limit } };
    buffer_text(&request->reply.body, "{\"items\":[");
    return request->reply.body.fault;
}

void listing_begin_whole(struct listing *listing, struct request *request)
{
    *listing = (struct listing){ .request = request, .page = { 0, UINT_MAX } };
    buffer_text(&request->reply.body, "{\"items\":[");
}

static void count_in(struct listing *listing, int64_t id)
{
    if (listing->count++ > 0)
        buffer_text(&listing->request->reply.body, ",");
    listing->last = id;
}

int listing_add(struct listing *listing, int64_t id, json_t *item)
{
    count_in(listing, id);
    return json_append(&listing->request->reply.body, item);
}

int listing_add_with(struct listing *listing, int64_t id, json_t *item, const char *member, struct bytes raw)
{
    count_in(listing, id);
    return json_append_with(&listing->request->reply.body, item, member, raw);
}

int listing_end(struct listing *listing)
{
    struct reply *reply = &listing->request->reply;

    /* A full page may be the last one; the next is empty then. */
    if (listing->count == listing->page.limit)
        buffer_format(&reply->body, "],\"next\":%lld}", (long long)listing->last);
    else
        buffer_text(&reply->body, "],\"next\":null}");
    reply->status = 200;
    reply->type = "application/json";
    return reply->body.fault;
}
