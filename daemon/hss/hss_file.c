/* hss_file.c - the private key as text. What is read is written again and compared, so one key has one form. */
#include "daemon/hss/hss_file.h"

#include <errno.h>
#include <stdio.h>

#include "daemon/base/text.h"
#include "device_proto/hss.h"

static const char first_line[] = "tinypart hss-lms private key 1\n";

bool hss_file_is(struct bytes text)
{
    return text.size >= sizeof(first_line) - 1 && memcmp(text.data, first_line, sizeof(first_line) - 1) == 0;
}

/* The lines up to the checksum, and what it must be. */
static int write_head(const struct proto_crypto *crypto, const struct hss_secret *secret, char *out, size_t capacity,
                      size_t *out_size)
{
    const struct lms_parameters *p = &secret->top.parameters;
    char identifier[2 * LMS_IDENTIFIER_SIZE + 1], seed[2 * LMS_N_MAX + 1], root[2 * LMS_N_MAX + 1], check[17];
    uint8_t digest[DIGEST_SIZE];

    hex_encode(bytes_view(secret->top.identifier, LMS_IDENTIFIER_SIZE), identifier);
    hex_encode(bytes_view(secret->seed, p->n), seed);
    hex_encode(bytes_view(secret->top.root, p->n), root);
    int size = snprintf(out, capacity, "%sn %u\nheight %u\nwidth %u\nlevels %u\nidentifier %s\nseed %s\nroot %s\n",
                        first_line, p->n, p->height, p->width, secret->levels, identifier, seed, root);
    explicit_bzero(seed, sizeof(seed));
    int r = crypto->sha256(crypto->context, bytes_view(out, (size_t)size), digest);
    hex_encode(bytes_view(digest, 8), check);
    size += snprintf(out + size, capacity - (size_t)size, "checksum %s\n", check);
    *out_size = (size_t)size;
    return r;
}

int hss_file_write(const struct proto_crypto *crypto, const struct hss_secret *secret, char out[HSS_KEY_TEXT_SIZE],
                   size_t *out_size)
{
    size_t size = 0;

    int r = write_head(crypto, secret, out, HSS_KEY_TEXT_SIZE, &size);
    if (r != 0)
        return r;
    if (secret->state[0] != '\0')
        size += (size_t)snprintf(out + size, HSS_KEY_TEXT_SIZE - size, "state %s\n", secret->state);
    if (secret->mark[0] != '\0')
        size += (size_t)snprintf(out + size, HSS_KEY_TEXT_SIZE - size, "mark %s\n", secret->mark);
    *out_size = size;
    return 0;
}

/* "NAME VALUE\n" from the front of the text; value is what stands between. */
static bool take_line(struct bytes *text, const char *name, char *value, size_t capacity)
{
    size_t length = strlen(name);
    const uint8_t *end = text->size > 0 ? memchr(text->data, '\n', text->size) : NULL;

    if (end == NULL || (size_t)(end - text->data) <= length + 1 || memcmp(text->data, name, length) != 0 ||
        text->data[length] != ' ')
        return false;
    struct bytes given = bytes_view(text->data + length + 1, (size_t)(end - text->data) - length - 1);
    if (given.size >= capacity || memchr(given.data, '\0', given.size) != NULL)
        return false;
    memcpy(value, given.data, given.size);
    value[given.size] = '\0';
    *text = bytes_view(end + 1, text->size - (size_t)(end + 1 - text->data));
    return true;
}

static bool take_number(struct bytes *text, const char *name, unsigned *out)
{
    char value[8];
    int64_t number = 0;

    if (!take_line(text, name, value, sizeof(value)) || integer_parse(value, 1, 99, &number) != 0)
        return false;
    *out = (unsigned)number;
    return true;
}

static bool take_hex(struct bytes *text, const char *name, uint8_t *out, size_t size)
{
    char value[2 * LMS_N_MAX + 2];

    bool taken = take_line(text, name, value, sizeof(value)) && hex_decode(value, out, size) == 0;
    explicit_bzero(value, sizeof(value));
    return taken;
}

static bool take_all(struct bytes text, struct hss_secret *out)
{
    unsigned n = 0, height = 0, width = 0;
    uint8_t checksum[8];

    text = bytes_view(text.data + sizeof(first_line) - 1, text.size - (sizeof(first_line) - 1));
    if (!take_number(&text, "n", &n) || !take_number(&text, "height", &height) ||
        !take_number(&text, "width", &width) || !take_number(&text, "levels", &out->levels) ||
        out->levels > HSS_LEVELS_MAX || !lms_parameters_for(n, height, width, &out->top.parameters))
        return false;
    if (!take_hex(&text, "identifier", out->top.identifier, LMS_IDENTIFIER_SIZE) ||
        !take_hex(&text, "seed", out->seed, n) || !take_hex(&text, "root", out->top.root, n) ||
        !take_hex(&text, "checksum", checksum, sizeof(checksum)))
        return false;
    if (!take_line(&text, "state", out->state, sizeof(out->state)))
        out->state[0] = '\0';
    if (!take_line(&text, "mark", out->mark, sizeof(out->mark)))
        out->mark[0] = '\0';
    return text.size == 0;
}

int hss_file_read(const struct proto_crypto *crypto, struct bytes text, struct hss_secret *out)
{
    char again[HSS_KEY_TEXT_SIZE];
    size_t size = 0;

    *out = (struct hss_secret){ 0 };
    if (!hss_file_is(text) || text.size >= HSS_KEY_TEXT_SIZE || !take_all(text, out)) {
        explicit_bzero(out, sizeof(*out));
        return 1;
    }
    int r = hss_file_write(crypto, out, again, &size);
    if (r == 0 && !bytes_equal(bytes_view(again, size), text))
        r = 1;
    explicit_bzero(again, sizeof(again));
    if (r != 0)
        explicit_bzero(out, sizeof(*out));
    return r;
}
