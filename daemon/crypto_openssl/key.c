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
#include "device_proto/hss.h"

enum { PEM_SIZE_MAX = 16384 };

struct crypto_key {
    EVP_PKEY *pkey;      /* NULL where it is HSS-LMS, ... */
    struct hss_key *hss; /* ... which has its own way of being a file */
    struct public_key public;
};

/* The public half in device_proto's form; 0 or REFUSED_INVALID for other kinds of key. */
static int public_of(EVP_PKEY *pkey, struct public_key *out)
{
    const struct key_kind *kind = openssl_kind_of(pkey);
    struct public_key key = { 0 };
    char group[32] = "";

    if (kind == NULL)
        return REFUSED_INVALID;
    key.type = kind->type;
    if (kind->type == KEY_P256) {
        if (EVP_PKEY_get_group_name(pkey, group, sizeof(group), NULL) != 1 || strcmp(group, "prime256v1") != 0)
            return REFUSED_INVALID;
        /* Uncompressed whatever form the file had. */
        EVP_PKEY_set_utf8_string_param(pkey, OSSL_PKEY_PARAM_EC_POINT_CONVERSION_FORMAT, "uncompressed");
    }
    if (EVP_PKEY_get_octet_string_param(pkey, OSSL_PKEY_PARAM_PUB_KEY, key.raw, sizeof(key.raw), &key.size) != 1 ||
        key.size != kind->raw_size)
        return openssl_fault();
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
    hss_key_free(key->hss);
    free(key);
}

/* Takes hss over, also where it fails. */
static int wrap_hss(struct hss_key *hss, struct crypto_key **out)
{
    struct crypto_key *key = calloc(1, sizeof(*key));
    struct proto_signer signer;

    if (key == NULL) {
        hss_key_free(hss);
        return -ENOMEM;
    }
    hss_key_signer(hss, &signer);
    key->hss = hss;
    key->public = signer.key;
    *out = key;
    return 0;
}

int crypto_key_generate_hss(const struct hss_shape *shape, const struct hss_places *places,
                            const struct hss_progress *progress, struct crypto_key **out, struct why *why)
{
    struct proto_crypto crypto;
    struct proto_random random;
    struct lms_parameters parameters;
    struct hss_key *hss = NULL;

    crypto_openssl_proto(&crypto);
    crypto_openssl_random(&random);
    int r = hss_shape_check(shape, why);
    if (r != 0)
        return r;
    (void)lms_parameters_for(shape->n, shape->height, shape->width, &parameters);
    if (hss_signature_size(&parameters, shape->levels) > SIGNATURE_SIZE_MAX)
        return refuse(why, REFUSED_TOO_LARGE, "--width, --levels", "take a greater width, or fewer levels",
                      "its signatures would have %zu bytes, and documents have room for %u",
                      hss_signature_size(&parameters, shape->levels), SIGNATURE_SIZE_MAX);
    r = hss_key_generate(&crypto, &random, shape, places, progress, &hss, why);
    return r != 0 ? r : wrap_hss(hss, out);
}

static int read_hss(struct bytes text, const char *path, bool is_credential, struct crypto_key **out, struct why *why)
{
    struct proto_crypto crypto;
    struct hss_key *hss = NULL;

    crypto_openssl_proto(&crypto);
    int r = hss_key_read(&crypto, text, path, &hss, why);
    if (r == 0 && is_credential && hss_key_is_beside(hss)) {
        hss_key_free(hss);
        return refuse(why, REFUSED_INVALID, path,
                      "name a place that lasts, in lines at its end: state /var/lib/tinypart/manifest.state and mark "
                      "/somewhere/else/manifest.mark",
                      "this HSS-LMS key keeps its state beside it, and a credential's folder goes with the service");
    }
    return r != 0 ? r : wrap_hss(hss, out);
}

struct hss_key *crypto_key_hss(const struct crypto_key *key)
{
    return key->hss;
}

int crypto_key_check(const struct crypto_key *key, struct why *why)
{
    return key->hss == NULL ? 0 : hss_key_check(key->hss, why);
}

static EVP_PKEY *generate_by_name(const char *name)
{
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, name, NULL);
    EVP_PKEY *pkey = NULL;

    if (context == NULL || EVP_PKEY_keygen_init(context) != 1 || EVP_PKEY_generate(context, &pkey) != 1)
        pkey = NULL;
    EVP_PKEY_CTX_free(context);
    return pkey;
}

int crypto_key_generate(enum key_type type, struct crypto_key **out)
{
    const struct key_kind *kind = openssl_kind(type);
    EVP_PKEY *pkey = NULL;

    if (!crypto_openssl_has(type))
        return REFUSED_INVALID;
    if (type == KEY_P256)
        pkey = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
    else
        pkey = generate_by_name(kind->openssl_name);
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

/* Whether a PEM that OpenSSL cannot read holds a key of a kind that only a newer one knows. */
static bool is_from_a_newer_openssl(struct bytes pem)
{
    BIO *bio = BIO_new_mem_buf(pem.data, (int)pem.size);
    PKCS8_PRIV_KEY_INFO *info = bio == NULL ? NULL : PEM_read_bio_PKCS8_PRIV_KEY_INFO(bio, NULL, no_passphrase, NULL);
    const ASN1_OBJECT *algorithm = NULL;
    char text[64] = "";

    if (info != NULL && PKCS8_pkey_get0(&algorithm, NULL, NULL, NULL, info) == 1)
        OBJ_obj2txt(text, sizeof(text), algorithm, 1);
    PKCS8_PRIV_KEY_INFO_free(info);
    BIO_free(bio);
    ERR_clear_error();
    return strncmp(text, "2.16.840.1.101.3.4.3.", 21) == 0; /* NIST's signature algorithms: ML-DSA is 17 to 19 */
}

int crypto_key_read_pem(struct bytes pem, struct crypto_key **out, struct why *why)
{
    static const char todo[] = "make one with: tinypartctl keygen --type ed25519 -o KEY.pem";
    static const char newer[] = "run with OpenSSL 3.5 or later, or take another key";
    BIO *bio = pem.size <= PEM_SIZE_MAX ? BIO_new_mem_buf(pem.data, (int)pem.size) : NULL;
    EVP_PKEY *pkey = bio == NULL ? NULL : PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, NULL);

    bool is_newer = pkey == NULL && bio != NULL && is_from_a_newer_openssl(pem);
    BIO_free(bio);
    ERR_clear_error();
    if (is_newer)
        return refuse(why, REFUSED_INVALID, "key", newer, "this OpenSSL cannot sign with ML-DSA keys");
    if (pkey == NULL)
        return refuse(why, REFUSED_INVALID, "key", todo, "this is no private key in unencrypted PKCS#8 PEM");
    int r = wrap(pkey, out);
    if (r == REFUSED_INVALID)
        return refuse(why, REFUSED_INVALID, "key", todo, "the key is neither Ed25519, ECDSA P-256 nor ML-DSA");
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

int crypto_key_open(const char *path, bool is_credential, struct crypto_key **out, struct why *why)
{
    const mode_t forbidden = is_credential ? 027 : 077;
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
    struct bytes text = bytes_view(pem, size);
    if (r != 0)
        r = refuse(why, REFUSED_INVALID, path, NULL, "the key file cannot be read: %s", strerror(-r));
    else if (hss_file_is(text))
        r = read_hss(text, path, is_credential, out, why);
    else
        r = crypto_key_read_pem(text, out, why);
    OPENSSL_cleanse(pem, sizeof(pem));
    if (r > 0 && why != NULL)
        snprintf(why->where, sizeof(why->where), "%s", path);
    return r;
}

int crypto_key_read_file(const char *path, struct crypto_key **out, struct why *why)
{
    struct crypto_key *key = NULL;

    int r = crypto_key_open(path, false, &key, why);
    if (r == 0)
        r = crypto_key_check(key, why);
    if (r != 0) {
        crypto_key_free(key);
        return r;
    }
    *out = key;
    return 0;
}

int crypto_key_write_file(const struct crypto_key *key, const char *path, struct why *why)
{
    if (key->pkey == NULL)
        return refuse(why, REFUSED_INVALID, path, NULL, "an HSS-LMS key has its files from the first");
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

static int sign_der(const struct crypto_key *key, const EVP_MD *hash, struct bytes message, uint8_t *out, size_t *size)
{
    EVP_MD_CTX *evp = EVP_MD_CTX_new();
    int r = evp != NULL && EVP_DigestSignInit(evp, NULL, hash, NULL, key->pkey) == 1 &&
                    EVP_DigestSign(evp, out, size, message.data, message.size) == 1
                ? 0
                : openssl_fault();

    EVP_MD_CTX_free(evp);
    return r;
}

static int sign(void *context, struct bytes message, uint8_t *out, size_t capacity, size_t *out_size)
{
    const struct crypto_key *key = context;
    uint8_t der[128];
    size_t size = sizeof(der);

    if (key->public.type != KEY_P256) {
        int needed = EVP_PKEY_get_size(key->pkey);
        *out_size = capacity;
        return needed < 0 || (size_t)needed > capacity ? -ENOBUFS : sign_der(key, NULL, message, out, out_size);
    }
    if (capacity < RAW_SIGNATURE_SIZE)
        return -ENOBUFS;
    int r = sign_der(key, EVP_sha256(), message, der, &size);
    if (r == 0)
        r = openssl_raw_of_der(der, size, out);
    if (r == 0)
        *out_size = RAW_SIGNATURE_SIZE;
    return r;
}

static int agree(void *context, const uint8_t peer[P256_RAW_SIZE], uint8_t out_secret[SECRET_SIZE])
{
    const struct crypto_key *key = context;

    return openssl_agree(key->pkey, peer, out_secret);
}

int crypto_key_agreement(const struct crypto_key *key, struct proto_agreement *out)
{
    if (key->public.type != KEY_P256)
        return REFUSED_INVALID;
    *out = (struct proto_agreement){ (void *)(uintptr_t)key, agree };
    return 0;
}

void crypto_key_signer(const struct crypto_key *key, struct proto_signer *out)
{
    if (key->hss != NULL)
        hss_key_signer(key->hss, out);
    else
        *out = (struct proto_signer){ .context = (void *)(uintptr_t)key, .key = key->public, .sign = sign };
}

/* Kinds that this OpenSSL may lack are told by their shape; the points of the others are checked by it. */
static int public_of_der(struct bytes der, struct public_key *out)
{
    const uint8_t *at = der.data;

    if (openssl_spki_read(der, out) && out->type != KEY_ED25519 && out->type != KEY_P256)
        return 0;
    EVP_PKEY *pkey = d2i_PUBKEY(NULL, &at, (long)der.size);
    ERR_clear_error();
    if (pkey == NULL)
        return REFUSED_INVALID;
    int r = public_of(pkey, out);
    EVP_PKEY_free(pkey);
    return r;
}

int crypto_public_read_pem(struct bytes pem, struct public_key *out, struct why *why)
{
    BIO *bio = pem.size <= PEM_SIZE_MAX ? BIO_new_mem_buf(pem.data, (int)pem.size) : NULL;
    char *name = NULL;
    char *header = NULL;
    unsigned char *der = NULL;
    long size = 0;

    bool is_pem = bio != NULL && PEM_read_bio(bio, &name, &header, &der, &size) == 1;
    int r =
        is_pem && strcmp(name, "PUBLIC KEY") == 0 ? public_of_der(bytes_view(der, (size_t)size), out) : REFUSED_INVALID;
    OPENSSL_free(name);
    OPENSSL_free(header);
    OPENSSL_free(der);
    BIO_free(bio);
    ERR_clear_error();
    if (r == REFUSED_INVALID)
        return refuse(
            why, REFUSED_INVALID, "public_key", "write the public half with: openssl pkey -in KEY.pem -pubout",
            is_pem ? "the key is neither Ed25519, ECDSA P-256, HSS-LMS nor ML-DSA" : "this is no public key in PEM");
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
    uint8_t der[SPKI_MAX];
    char body[PUBLIC_PEM_SIZE - 64];

    size_t size = openssl_spki_write(key, der);
    int r = size == 0 ? -EINVAL : base64_lines(der, (int)size, body);
    if (r == 0)
        snprintf(out_pem, PUBLIC_PEM_SIZE, "-----BEGIN PUBLIC KEY-----\n%s-----END PUBLIC KEY-----\n", body);
    return r;
}
