/* crypto_openssl.h - keys, signatures, hashes and randomness through OpenSSL: the callbacks of device_proto/crypto.h.
 */
#ifndef TINYPART_CRYPTO_OPENSSL_H
#define TINYPART_CRYPTO_OPENSSL_H

#include <stdio.h>

#include "daemon/base/refusal.h"
#include "daemon/hss/hss_key.h"
#include "device_proto/crypto.h"

/* SHA-256, SHA-1 for UUID5 where the struct has it, and verification. No state: fill and copy freely. */
void crypto_openssl_proto(struct proto_crypto *out);

/* The kernel-seeded CSPRNG of OpenSSL (AES-256-CTR DRBG), buffered; fork- and thread-safe by being OpenSSL's own. */
void crypto_openssl_random(struct proto_random *out);

/* Whether this OpenSSL, as it runs, can sign and verify with that kind of key. HSS-LMS is never OpenSSL's own: the
 * wire language verifies it. */
bool crypto_openssl_has(enum key_type type);
/* "ed25519", "p256", "hss-lms", "ml-dsa-44", "ml-dsa-65", "ml-dsa-87"; and back (0: no such kind). */
const char *crypto_key_type_name(enum key_type type);
enum key_type crypto_key_type_of(const char *name);

/* A private key in memory. */
struct crypto_key;
void crypto_key_free(struct crypto_key *key); /* NULL is fine; the memory is cleared */
/* REFUSED_INVALID for a kind that crypto_openssl_has not. */
int crypto_key_generate(enum key_type type, struct crypto_key **out);
/* PKCS#8 PEM text. REFUSED_INVALID when it is no private key of a kind that crypto_openssl_has, in words. */
int crypto_key_read_pem(struct bytes pem, struct crypto_key **out, struct why *why);
/* From a file, PEM or HSS-LMS; REFUSED_FORBIDDEN when group or others may read it (mode 0600 or 0400 is wanted), and
 * what crypto_key_check refuses. */
int crypto_key_read_file(const char *path, struct crypto_key **out, struct why *why);
/* The same unchecked. A systemd credential may be 0400, or root's with an access control list for the daemon's user
 * alone, which shows as 0440; an HSS-LMS one must name where its state is. */
int crypto_key_open(const char *path, bool is_credential, struct crypto_key **out, struct why *why);
/* Whether the key can sign now. An HSS-LMS key cannot when its one-time keys are used up (REFUSED_EXHAUSTED), or when
 * its records do not vouch for it (REFUSED_CONFLICT). */
int crypto_key_check(const struct crypto_key *key, struct why *why);
/* Makes an HSS-LMS key and all of its files. REFUSED_TOO_LARGE when its signatures would have more than
 * SIGNATURE_SIZE_MAX bytes: no document has room for them. */
int crypto_key_generate_hss(const struct hss_shape *shape, const struct hss_places *places,
                            const struct hss_progress *progress, struct crypto_key **out, struct why *why);
/* What is behind an HSS-LMS key; NULL for the others. */
struct hss_key *crypto_key_hss(const struct crypto_key *key);
/* Writes PKCS#8 PEM to a new file of mode 0600; REFUSED_EXISTS instead of overwriting. */
int crypto_key_write_file(const struct crypto_key *key, const char *path, struct why *why);
void crypto_key_signer(const struct crypto_key *key, struct proto_signer *out); /* borrows key */
/* For decrypting (P-256 keys only, else REFUSED_INVALID); borrows key. */
int crypto_key_agreement(const struct crypto_key *key, struct proto_agreement *out);

/* SubjectPublicKeyInfo PEM of any kind of key, whether this OpenSSL can use it or not. REFUSED_INVALID when it is none.
 */
int crypto_public_read_pem(struct bytes pem, struct public_key *out, struct why *why);
#define PUBLIC_PEM_SIZE 4096
int crypto_public_write_pem(const struct public_key *key, char out_pem[PUBLIC_PEM_SIZE]);

#endif
