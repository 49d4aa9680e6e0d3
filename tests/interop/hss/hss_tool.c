/* hss_tool.c - HSS-LMS over raw files, so that other implementations can be asked about the same bytes.
 *   hss_tool keygen N HEIGHT WIDTH LEVELS KEY PUBLIC    hss_tool sign KEY MESSAGE SIGNATURE
 *   hss_tool verify PUBLIC MESSAGE SIGNATURE            exit 0: it holds; 1: it does not; 2: something else */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/crypto_openssl/crypto_openssl.h"
#include "device_proto/hss.h"

enum { FILE_MAX = 1 << 20 };

static struct bytes read_whole(const char *path)
{
    FILE *file = fopen(path, "rb");
    uint8_t *data = malloc(FILE_MAX);

    if (file == NULL || data == NULL)
        exit(2);
    size_t size = fread(data, 1, FILE_MAX, file);
    (void)fclose(file);
    return bytes_view(data, size);
}

static int write_whole(const char *path, const uint8_t *data, size_t size)
{
    FILE *file = fopen(path, "wb");

    return file != NULL && fwrite(data, 1, size, file) == size && fclose(file) == 0 ? 0 : 2;
}

static int keygen(const struct proto_crypto *crypto, char **words)
{
    const struct hss_shape shape = { (unsigned)atoi(words[0]), (unsigned)atoi(words[1]), (unsigned)atoi(words[2]),
                                     (unsigned)atoi(words[3]) };
    const struct hss_places places = { .file = words[4] };
    struct proto_random random;
    struct hss_key *key = NULL;
    struct hss_about about;
    struct why why = { .what = "" };

    crypto_openssl_random(&random);
    int r = hss_key_generate(crypto, &random, &shape, &places, NULL, &key, &why);
    if (r == 0)
        r = hss_key_about(key, &about);
    if (r != 0)
        (void)fprintf(stderr, "%d %s\n", r, why.what);
    else
        r = write_whole(words[5], about.public.raw, about.public.size);
    hss_key_free(key);
    return r == 0 ? 0 : 2;
}

static int sign(const struct proto_crypto *crypto, char **words)
{
    static uint8_t signature[FILE_MAX];
    struct bytes text = read_whole(words[0]), message = read_whole(words[1]);
    struct hss_key *key = NULL;
    struct why why = { .what = "" };
    size_t size = 0;

    int r = hss_key_read(crypto, text, words[0], &key, &why);
    if (r == 0)
        r = hss_key_sign(key, message, signature, sizeof(signature), &size, &why);
    if (r != 0)
        (void)fprintf(stderr, "%d %s\n", r, why.what);
    hss_key_free(key);
    free((void *)(uintptr_t)text.data);
    free((void *)(uintptr_t)message.data);
    return r == 0 ? write_whole(words[2], signature, size) : 2;
}

static int verify(const struct proto_crypto *crypto, char **words)
{
    struct bytes public = read_whole(words[0]), message = read_whole(words[1]), signature = read_whole(words[2]);

    int r = hss_verify(crypto, public, message, signature);
    if (r != 0)
        (void)fprintf(stderr, "%s\n", hss_refusal_text(r));
    free((void *)(uintptr_t) public.data);
    free((void *)(uintptr_t)message.data);
    free((void *)(uintptr_t)signature.data);
    return r == 0 ? 0 : r > 0 ? 1 : 2;
}

int main(int count, char **words)
{
    struct proto_crypto crypto;

    crypto_openssl_proto(&crypto);
    if (count == 8 && strcmp(words[1], "keygen") == 0)
        return keygen(&crypto, words + 2);
    if (count == 5 && strcmp(words[1], "sign") == 0)
        return sign(&crypto, words + 2);
    if (count == 5 && strcmp(words[1], "verify") == 0)
        return verify(&crypto, words + 2);
    (void)fprintf(stderr, "see the head of hss_tool.c\n");
    return 2;
}
