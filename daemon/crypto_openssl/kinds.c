/* kinds.c - what each kind of key is called, and its public half as SubjectPublicKeyInfo.
 * That is, for every kind, an algorithm identifier and the raw key in a bit string (RFC 8410, RFC 5480, RFC 9708,
 * RFC 9881): writing and recognizing it takes no library, so that a public key of a kind that this OpenSSL cannot
 * compute with can still be shown, kept and handed on. */
#include "daemon/crypto_openssl/internal.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <stdlib.h>

static const struct key_kind kinds[] = {
    { KEY_ED25519, "ed25519", "ED25519", 32, { 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70 }, 7 },
    { KEY_P256,
      "p256",
      "EC",
      65,
      { 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01,
        0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07 },
      21 },
    { KEY_HSS_LMS,
      "hss-lms",
      NULL,
      60,
      { 0x30, 0x0d, 0x06, 0x0b, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x10, 0x03, 0x11 },
      15 },
    { KEY_ML_DSA_44,
      "ml-dsa-44",
      "ML-DSA-44",
      1312,
      { 0x30, 0x0b, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x03, 0x11 },
      13 },
    { KEY_ML_DSA_65,
      "ml-dsa-65",
      "ML-DSA-65",
      1952,
      { 0x30, 0x0b, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x03, 0x12 },
      13 },
    { KEY_ML_DSA_87,
      "ml-dsa-87",
      "ML-DSA-87",
      2592,
      { 0x30, 0x0b, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x03, 0x13 },
      13 },
};

const struct key_kind *openssl_kind(enum key_type type)
{
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
        if (kinds[i].type == type)
            return &kinds[i];
    return NULL;
}

const struct key_kind *openssl_kind_of(EVP_PKEY *pkey)
{
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
        if (kinds[i].openssl_name != NULL && EVP_PKEY_is_a(pkey, kinds[i].openssl_name))
            return &kinds[i];
    return NULL;
}

const char *crypto_key_type_name(enum key_type type)
{
    const struct key_kind *kind = openssl_kind(type);

    return kind != NULL ? kind->name : "unknown";
}

enum key_type crypto_key_type_of(const char *name)
{
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
        if (strcmp(kinds[i].name, name) == 0)
            return kinds[i].type;
    return 0;
}

bool crypto_openssl_has(enum key_type type)
{
    const struct key_kind *kind = openssl_kind(type);

    if (kind == NULL || kind->openssl_name == NULL)
        return false;
    EVP_KEYMGMT *management = EVP_KEYMGMT_fetch(NULL, kind->openssl_name, NULL);
    ERR_clear_error();
    EVP_KEYMGMT_free(management);
    return management != NULL;
}

/* ---- SubjectPublicKeyInfo ---- */

/* tag and length of a DER item; at most 4 bytes. */
static size_t der_head(uint8_t tag, size_t length, uint8_t out[4])
{
    out[0] = tag;
    if (length < 0x80) {
        out[1] = (uint8_t)length;
        return 2;
    }
    if (length < 0x100) {
        out[1] = 0x81;
        out[2] = (uint8_t)length;
        return 3;
    }
    out[1] = 0x82;
    out[2] = (uint8_t)(length >> 8);
    out[3] = (uint8_t)length;
    return 4;
}

/* Everything before the raw key. */
static size_t spki_head(const struct key_kind *kind, size_t raw_size, uint8_t out[SPKI_HEAD_MAX])
{
    uint8_t string[4];
    size_t string_size = der_head(0x03, raw_size + 1, string);
    size_t size = der_head(0x30, kind->identifier_size + string_size + 1 + raw_size, out);

    memcpy(out + size, kind->identifier, kind->identifier_size);
    size += kind->identifier_size;
    memcpy(out + size, string, string_size);
    size += string_size;
    out[size++] = 0; /* unused bits */
    return size;
}

size_t openssl_spki_write(const struct public_key *key, uint8_t out[SPKI_MAX])
{
    const struct key_kind *kind = openssl_kind(key->type);

    if (kind == NULL || key->size > PUBLIC_KEY_SIZE_MAX)
        return 0;
    size_t size = spki_head(kind, key->size, out);
    memcpy(out + size, key->raw, key->size);
    return size + key->size;
}

static bool is_spki_of(struct bytes der, const struct key_kind *kind, size_t raw_size)
{
    uint8_t head[SPKI_HEAD_MAX];
    size_t size = spki_head(kind, raw_size, head);

    return der.size == size + raw_size && memcmp(der.data, head, size) == 0;
}

bool openssl_spki_read(struct bytes der, struct public_key *out)
{
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        size_t raw_size = kinds[i].raw_size;
        if (kinds[i].type == KEY_HSS_LMS && !is_spki_of(der, &kinds[i], raw_size))
            raw_size = 52; /* n = 24 */
        if (!is_spki_of(der, &kinds[i], raw_size))
            continue;
        *out = (struct public_key){ .type = kinds[i].type, .size = raw_size };
        memcpy(out->raw, der.data + der.size - raw_size, raw_size);
        return true;
    }
    return false;
}
