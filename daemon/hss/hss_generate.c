/* hss_generate.c - a new key: seed, trees, records, and last of all its file. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "daemon/base/cleanup.h"
#include "daemon/base/text.h"
#include "daemon/hss/internal.h"

static int secret_make(const struct proto_random *random, const struct hss_shape *shape,
                       const struct hss_places *places, struct hss_secret *out)
{
    *out = (struct hss_secret){ .levels = shape->levels };
    (void)lms_parameters_for(shape->n, shape->height, shape->width, &out->top.parameters);
    int r = places->state == NULL ? 0 : text_copy(out->state, sizeof(out->state), places->state);
    if (r == 0 && places->mark != NULL)
        r = text_copy(out->mark, sizeof(out->mark), places->mark);
    if (r == 0)
        r = random->fill(random->context, out->top.identifier, LMS_IDENTIFIER_SIZE);
    return r != 0 ? r : random->fill(random->context, out->seed, shape->n);
}

static int file_exists(const char *path, struct why *why)
{
    if (access(path, F_OK) != 0)
        return 0;
    return refuse(why, REFUSED_EXISTS, path, "choose another name, or move the old key away",
                  "the file exists, and a private key is never overwritten");
}

static int no_records_yet(const struct hss_key *key, struct why *why)
{
    struct hss_about about;

    int r = hss_key_about(key, &about);
    if (r == 0)
        r = file_exists(about.state, why);
    return r != 0 ? r : file_exists(about.mark, why);
}

static int write_file(const struct proto_crypto *crypto, const struct hss_secret *secret, const char *path,
                      struct why *why)
{
    char text[HSS_KEY_TEXT_SIZE];
    size_t size = 0;

    _cleanup_close_ int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return errno == EEXIST
                   ? file_exists(path, why)
                   : refuse(why, REFUSED_INVALID, path, NULL, "the key file cannot be made: %s", strerror(errno));
    int r = hss_file_write(crypto, secret, text, &size);
    if (r == 0)
        r = hss_write_at(fd, text, size, 0);
    explicit_bzero(text, sizeof(text));
    if (r == 0 && fsync(fd) != 0)
        r = -errno;
    if (r == 0)
        r = hss_sync_folder_of(path);
    if (r != 0)
        unlink(path);
    return r;
}

/* The records first: a key whose file is there has them. */
static int write_all(const struct proto_crypto *crypto, struct hss_key *key, const struct hss_secret *secret,
                     const char *path, struct why *why)
{
    int r = hss_key_create_records(key, why);

    if (r != 0) {
        hss_key_forget_files(key, false);
        return r;
    }
    r = write_file(crypto, secret, path, why);
    if (r != 0)
        hss_key_forget_files(key, true);
    return r;
}

int hss_key_generate(const struct proto_crypto *crypto, const struct proto_random *random,
                     const struct hss_shape *shape, const struct hss_places *places,
                     const struct hss_progress *progress, struct hss_key **out, struct why *why)
{
    struct hss_secret secret = { 0 };
    struct hss_key *key = NULL;

    int r = hss_shape_check(shape, why);
    if (r == 0)
        r = file_exists(places->file, why);
    if (r == 0)
        r = secret_make(random, shape, places, &secret);
    if (r == 0)
        r = hss_key_new(crypto, &secret, places->file, &key);
    if (r == 0)
        r = no_records_yet(key, why);
    if (r == 0) {
        hss_key_set_progress(key, progress);
        r = hss_key_find_root(key, secret.top.root);
        hss_key_set_progress(key, NULL);
    }
    if (r == 0)
        r = write_all(crypto, key, &secret, places->file, why);
    explicit_bzero(&secret, sizeof(secret));
    if (r != 0) {
        hss_key_free(key);
        return r;
    }
    *out = key;
    return 0;
}
