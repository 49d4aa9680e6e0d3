#include "tests/unit/hss/lab.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "daemon/crypto_openssl/crypto_openssl.h"

int lab_setup(void **state)
{
    struct lab *lab = calloc(1, sizeof(*lab));

    if (lab == NULL)
        return -1;
    crypto_openssl_proto(&lab->crypto);
    crypto_openssl_random(&lab->random);
    strcpy(lab->folder, "/tmp/tinypart-hss-XXXXXX");
    if (mkdtemp(lab->folder) == NULL)
        return -1;
    (void)snprintf(lab->file, sizeof(lab->file), "%s/key", lab->folder);
    (void)snprintf(lab->state, sizeof(lab->state), "%s.state", lab->file);
    (void)snprintf(lab->mark, sizeof(lab->mark), "%s.mark", lab->file);
    (void)snprintf(lab->tree, sizeof(lab->tree), "%s.tree0", lab->file);
    *state = lab;
    return 0;
}

int lab_teardown(void **state)
{
    struct lab *lab = *state;
    DIR *folder = opendir(lab->folder);
    struct dirent *entry;
    char path[512];

    while (folder != NULL && (entry = readdir(folder)) != NULL) {
        (void)snprintf(path, sizeof(path), "%s/%s", lab->folder, entry->d_name);
        if (unlink(path) != 0)
            (void)rmdir(path);
    }
    if (folder != NULL)
        closedir(folder);
    (void)rmdir(lab->folder);
    free(lab);
    return 0;
}

struct hss_key *lab_generate(struct lab *lab, unsigned n, unsigned height, unsigned width, unsigned levels)
{
    const struct hss_shape shape = { .n = n, .height = height, .width = width, .levels = levels };
    const struct hss_places places = { .file = lab->file };
    struct hss_key *key = NULL;
    struct why why = { .what = "" };

    int r = hss_key_generate(&lab->crypto, &lab->random, &shape, &places, NULL, &key, &why);
    if (r != 0)
        fail_msg("no key: %d %s", r, why.what);
    return key;
}

size_t lab_read(const char *path, void *out, size_t capacity)
{
    FILE *file = fopen(path, "rb");

    if (file == NULL)
        return 0;
    size_t size = fread(out, 1, capacity, file);
    (void)fclose(file);
    return size;
}

void lab_write(const char *path, const void *content, size_t size)
{
    FILE *file = fopen(path, "wb");

    assert_non_null(file);
    assert_int_equal(fwrite(content, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
}

struct hss_key *lab_open(struct lab *lab)
{
    char text[HSS_KEY_TEXT_SIZE];
    struct hss_key *key = NULL;

    size_t size = lab_read(lab->file, text, sizeof(text));
    assert_int_equal(hss_key_read(&lab->crypto, bytes_view(text, size), lab->file, &key, NULL), 0);
    return key;
}

uint64_t lab_index(const struct lms_parameters *parameters, unsigned levels, const uint8_t *signature)
{
    size_t at = 4;
    uint64_t index = 0;

    for (unsigned i = 0; i < levels; i++) {
        index = index << parameters->height | lms_get32(signature + at);
        at += lms_signature_size(parameters) + lms_public_size(parameters);
    }
    return index;
}

uint64_t lab_sign(struct lab *lab, struct hss_key *key, const char *message)
{
    struct lms_parameters parameters;
    struct hss_about about;
    struct why why = { .what = "" };

    int r = hss_key_sign(key, bytes_of_text(message), lab->signature, sizeof(lab->signature), &lab->size, &why);
    if (r != 0)
        fail_msg("no signature: %d %s", r, why.what);
    assert_int_equal(hss_key_about(key, &about), 0);
    assert_int_equal(lab->size, about.signature_size);
    assert_int_equal(hss_verify(&lab->crypto, bytes_view(about.public.raw, about.public.size), bytes_of_text(message),
                                bytes_view(lab->signature, lab->size)),
                     0);
    assert_true(lms_parameters_for(about.shape.n, about.shape.height, about.shape.width, &parameters));
    return lab_index(&parameters, about.shape.levels, lab->signature);
}
