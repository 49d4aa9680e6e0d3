/* keys.h - the corpus's keys and what they do, all of it deterministic: Ed25519 as it is, ECDSA with the nonces of RFC
 * 6979 (OpenSSL 3.0 draws its own, so r and s are computed here), HMAC. The private keys are published: they sign test
 * data and nothing else. */
#ifndef TINYPART_TESTS_CORPUS_KEYS_H
#define TINYPART_TESTS_CORPUS_KEYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum corpus_key {
    KEY_A, /* Ed25519, known to the recipient */
    KEY_B, /* P-256, known to the recipient */
    KEY_C, /* Ed25519, known to nobody */
    KEYS,
};

#define SHA256_SIZE   32u
#define RAW_SIGNATURE 64u

const char *keys_name(enum corpus_key key);
bool keys_is_p256(enum corpus_key key);
/* The private half: 32 bytes. */
void keys_private(enum corpus_key key, uint8_t out[32]);
/* 32 bytes for Ed25519; 65 (0x04, x, y) for P-256. Gives the size. */
size_t keys_public(enum corpus_key key, uint8_t out[65]);
void keys_sign(enum corpus_key key, const uint8_t *message, size_t size, uint8_t out[RAW_SIGNATURE]);

/* ECDSA on P-256 with SHA-256 and the nonce of RFC 6979 section 3.2, for any private key: r || s. */
void keys_ecdsa(const uint8_t secret[32], const uint8_t *message, size_t size, uint8_t out[RAW_SIGNATURE]);
void keys_sha256(const uint8_t *data, size_t size, uint8_t out[SHA256_SIZE]);
void keys_hmac(const uint8_t *key, size_t key_size, const uint8_t *data, size_t size, uint8_t out[SHA256_SIZE]);

/* The secret that Mac0 messages share. */
#define KEYS_SECRET_SIZE 32u
void keys_secret(uint8_t out[KEYS_SECRET_SIZE]);

#endif
