/* key.c - private and public keys: PEM files in, signatures out. */
#include "daemon/crypto_openssl/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/base/cleanup.h"

enum { PEM_SIZE_MAX = 16384 };

struct crypto_key {
    EVP_PKEY *pkey;
    struct public_key public;
};

/* The public half in device_proto's form; 0 or REFUSED_INVALID for other kinds of key. */
static int public_of(EVP_PKEY *pkey, struct public_key *out)
{
    struct public_key key = { 0 };
    char group[32] = "";

    if (EVP_PKEY_is_a(pkey, "ED25519")) {
        key.type = KEY_ED25519;
        key.size = 32;
        if (EVP_PKEY_get_raw_public_key(pkey, key.raw, &key.size) != 1)
            return openssl_fault();
    } else if (EVP_PKEY_is_a(pkey, "EC") && EVP_PKEY_get_group_name(pkey, group, sizeof(group), NULL) == 1 &&
               strcmp(group, "prime256v1") == 0) {
        key.type = KEY_P256;
        /* Uncompressed whatever form the file had. */
        EVP_PKEY_set_utf8_string_param(pkey, OSSL_PKEY_PARAM_EC_POINT_CONVERSION_FORMAT, "uncompressed");
        if (EVP_PKEY_get_octet_string_param(pkey, OSSL_PKEY_PARAM_PUB_KEY, key.raw, sizeof(key.raw), &key.size) != 1 ||
            key.size != 65)
            return openssl_fault();
    } else {
        return REFUSED_INVALID;
    }
    *out = key;
    return 0;
}

static int wrap(EVP_PKEY *pkey, struct crypto_key **out)
{
    struct crypto_key *key = calloc(1, sizeof(*key));
    int r = key == NULL ? -ENOMEM : public_of(pkey, &key->public);

    if (r != 0) {
        free(key);
        EVP_PKEY_free(pkey);
        return r;
    }
    key->pkey = pkey;
    *out = key;
    return 0;
}

void crypto_key_free(struct crypto_key *key)
{
    if (key == NULL)
        return;
    EVP_PKEY_free(key->pkey); /* OpenSSL clears private parts */
    free(key);
}

int crypto_key_generate(enum key_type type, struct crypto_key **out)
{
    if (type != KEY_ED25519 && type != KEY_P256)
        return REFUSED_INVALID;
    EVP_PKEY *pkey =
        type == KEY_ED25519 ? EVP_PKEY_Q_keygen(NULL, NULL, "ED25519") : EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");

    return pkey == NULL ? openssl_fault() : wrap(pkey, out);
}

/* An encrypted PEM must be refused, not prompted for on the daemon's terminal. */
static int no_passphrase(char *out, int size, int writing, void *unused)
{
    (void)out;
    (void)size;
    (void)writing;
    (void)unused;
    return -1;
}

int crypto_key_read_pem(struct bytes pem, struct crypto_key **out, struct why *why)
{
    static const char todo[] = "make one with: tinypartctl keygen --type ed25519 -o KEY.pem";
    BIO *bio = pem.size <= PEM_SIZE_MAX ? BIO_new_mem_buf(pem.data, (int)pem.size) : NULL;
    EVP_PKEY *pkey = bio == NULL ? NULL : PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, NULL);

    BIO_free(bio);
    ERR_clear_error();
    if (pkey == NULL)
        return refuse(why, REFUSED_INVALID, "key", todo, "this is no private key in unencrypted PKCS#8 PEM");
    int r = wrap(pkey, out);
    if (r == REFUSED_INVALID)
        return refuse(why, REFUSED_INVALID, "key", todo, "the key is neither Ed25519 nor ECDSA P-256");
    return r;
}

static int read_whole(int fd, char *out, size_t capacity, size_t *out_size)
{
    size_t size = 0;

    for (;;) {
        ssize_t part = read(fd, out + size, capacity - size);
        if (part < 0 && errno == EINTR)
            continue;
        if (part < 0)
            return -errno;
        if (part == 0)
            break;
        size += (size_t)part;
        if (size == capacity)
            return -E2BIG;
    }
    *out_size = size;
    return 0;
}

/* forbidden: permission bits that the file must not have. */
static int read_key_file(const char *path, mode_t forbidden, struct crypto_key **out, struct why *why)
{
    _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat status;
    char pem[PEM_SIZE_MAX];
    size_t size = 0;

    if (fd < 0 || fstat(fd, &status) != 0)
        return refuse(why, REFUSED_UNKNOWN, path, NULL, "the key file cannot be opened: %s", strerror(errno));
    if ((status.st_mode & forbidden) != 0)
        return refuse(why, REFUSED_FORBIDDEN, path, "chmod 600 the file",
                      "others than its owner may read the private key (mode %04o)", (unsigned)(status.st_mode & 07777));
    int r = read_whole(fd, pem, sizeof(pem), &size);
    if (r == 0)
        r = crypto_key_read_pem(bytes_view(pem, size), out, why);
    else
        r = refuse(why, REFUSED_INVALID, path, NULL, "the key file cannot be read: %s", strerror(-r));
    OPENSSL_cleanse(pem, sizeof(pem));
    if (r > 0 && why != NULL)
        snprintf(why->where, sizeof(why->where), "%s", path);
    return r;
}

int crypto_key_read_file(const char *path, struct crypto_key **out, struct why *why)
{
    return read_key_file(path, 077, out, why);
}

int crypto_key_read_credential(const char *path, struct crypto_key **out, struct why *why)
{
    return read_key_file(path, 027, out, why);
}

int crypto_key_write_file(const struct crypto_key *key, const char *path, struct why *why)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0 && errno == EEXIST)
        return refuse(why, REFUSED_EXISTS, path, "choose another name, or move the old key away",
                      "the file exists, and a private key is never overwritten");
    FILE *file = fd < 0 ? NULL : fdopen(fd, "w");
    if (file == NULL) {
        int fault = errno;
        if (fd >= 0)
            close(fd);
        return refuse(why, REFUSED_INVALID, path, NULL, "the key file cannot be made: %s", strerror(fault));
    }
    bool written = PEM_write_PKCS8PrivateKey(file, key->pkey, NULL, NULL, 0, NULL, NULL) == 1;
    written = fflush(file) == 0 && fsync(fd) == 0 && written;
    written = fclose(file) == 0 && written;
    if (written)
        return 0;
    unlink(path);
    return openssl_fault();
}

static int sign(void *context, struct bytes message, uint8_t *out, size_t capacity, size_t *out_size)
{
    const struct crypto_key *key = context;
    const EVP_MD *hash = key->public.type == KEY_P256 ? EVP_sha256() : NULL;
    uint8_t signature[128];
    size_t size = sizeof(signature);

    if (capacity < RAW_SIGNATURE_SIZE)
        return -ENOBUFS;
    EVP_MD_CTX *evp = EVP_MD_CTX_new();
    int r = evp != NULL && EVP_DigestSignInit(evp, NULL, hash, NULL, key->pkey) == 1 &&
                    EVP_DigestSign(evp, signature, &size, message.data, message.size) == 1
                ? 0
                : openssl_fault();
    EVP_MD_CTX_free(evp);
    if (r == 0 && key->public.type == KEY_P256)
        r = openssl_raw_of_der(signature, size, out);
    else if (r == 0)
        memcpy(out, signature, RAW_SIGNATURE_SIZE);
    if (r == 0)
        *out_size = RAW_SIGNATURE_SIZE;
    return r;
}

void crypto_key_signer(const struct crypto_key *key, struct proto_signer *out)
{
    *out = (struct proto_signer){ .context = (void *)(uintptr_t)key, .key = key->public, .sign = sign };
}

int crypto_public_read_pem(struct bytes pem, struct public_key *out, struct why *why)
{
    BIO *bio = pem.size <= PEM_SIZE_MAX ? BIO_new_mem_buf(pem.data, (int)pem.size) : NULL;
    EVP_PKEY *pkey = bio == NULL ? NULL : PEM_read_bio_PUBKEY(bio, NULL, no_passphrase, NULL);

    BIO_free(bio);
    ERR_clear_error();
    if (pkey == NULL)
        return refuse(why, REFUSED_INVALID, "public_key",
                      "write the public half with: openssl pkey -in KEY.pem -pubout", "this is no public key in PEM");
    int r = public_of(pkey, out);
    EVP_PKEY_free(pkey);
    if (r == REFUSED_INVALID)
        return refuse(why, REFUSED_INVALID, "public_key", NULL, "the key is neither Ed25519 nor ECDSA P-256");
    return r;
}

static int base64_lines(const uint8_t *data, int size, char *out)
{
    EVP_ENCODE_CTX *context = EVP_ENCODE_CTX_new();
    int first = 0;
    int rest = 0;

    if (context == NULL)
        return openssl_fault();
    EVP_EncodeInit(context);
    EVP_EncodeUpdate(context, (unsigned char *)out, &first, data, size);
    EVP_EncodeFinal(context, (unsigned char *)out + first, &rest);
    EVP_ENCODE_CTX_free(context);
    return 0;
}

int crypto_public_write_pem(const struct public_key *key, char out_pem[PUBLIC_PEM_SIZE])
{
    /* SubjectPublicKeyInfo of the two kinds is a fixed head and the raw key (RFC 8410; RFC 5480). */
    static const uint8_t ed25519_head[] = { 0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00 };
    static const uint8_t p256_head[] = { 0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01,
                                         0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00 };
    const uint8_t *head = key->type == KEY_ED25519 ? ed25519_head : p256_head;
    size_t head_size = key->type == KEY_ED25519 ? sizeof(ed25519_head) : sizeof(p256_head);
    uint8_t der[sizeof(p256_head) + PUBLIC_KEY_SIZE_MAX];
    char body[PUBLIC_PEM_SIZE - 64];

    if (key->type != KEY_ED25519 && key->type != KEY_P256)
        return -EINVAL;
    memcpy(der, head, head_size);
    memcpy(der + head_size, key->raw, key->size);
    int r = base64_lines(der, (int)(head_size + key->size), body);
    if (r == 0)
        snprintf(out_pem, PUBLIC_PEM_SIZE, "-----BEGIN PUBLIC KEY-----\n%s-----END PUBLIC KEY-----\n", body);
    return r;
}
