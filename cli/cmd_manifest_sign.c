/* cmd_manifest_sign.c - signatures on manifests: several keys, shared secrets, and keys kept elsewhere. */
#include "cli/common.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cli/manifest.h"
#include "daemon/base/refusal.h"
#include "daemon/base/text.h"
#include "daemon/crypto_openssl/crypto_openssl.h"

enum { SECRET_MAX = 4096, PATH_SIZE = 1024, SCRATCH = 512 };

#define BLOCK_MAX (COSE_SIGN1_OVERHEAD + SUIT_SEAL_SIZE + SIGNATURE_SIZE_MAX)

void manifest_blocks_free(struct manifest_blocks *blocks)
{
    for (size_t i = 0; i < blocks->count; i++)
        free(blocks->rooms[i]);
    blocks->count = 0;
}

/* Calls each with every part of a list with commas. */
static int each_of(const struct call *call, const char *list, int (*each)(void *context, const char *part),
                   void *context)
{
    int r = EXIT_DONE;

    for (const char *at = list; r == EXIT_DONE && at != NULL;) {
        char part[PATH_SIZE];
        size_t length = strcspn(at, ",");
        if (length == 0 || text_copy_bytes(part, sizeof(part), bytes_view(at, length)) != 0)
            return call_usage(call, "%s is not a list with commas", list);
        r = each(context, part);
        at = at[length] == ',' ? at + length + 1 : NULL;
    }
    return r;
}

/* 0 where none is given: the key's own. */
static int algorithm_of(const struct call *call, int64_t *out)
{
    static const struct {
        const char *name;
        enum cose_algorithm id;
    } names[] = {
        { "es256", COSE_ES256 },         { "esp256", COSE_ESP256 },       { "eddsa", COSE_EDDSA },
        { "ed25519", COSE_ED25519 },     { "hss-lms", COSE_HSS_LMS },     { "ml-dsa-44", COSE_ML_DSA_44 },
        { "ml-dsa-65", COSE_ML_DSA_65 }, { "ml-dsa-87", COSE_ML_DSA_87 },
    };
    const char *name = call_option(call, "algorithm");

    *out = 0;
    if (name == NULL)
        return EXIT_DONE;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (strcmp(name, names[i].name) == 0) {
            *out = names[i].id;
            return EXIT_DONE;
        }
    }
    return call_usage(call, "--algorithm takes es256, esp256, eddsa, ed25519, hss-lms or ml-dsa-44/65/87, not %s",
                      name);
}

/* ---- at once ---- */

struct signing {
    struct call *call;
    const struct suit_seal *seal;
    const struct proto_crypto *crypto;
    struct manifest_blocks *blocks;
    int64_t algorithm;
};

/* Room for the next block; NULL, with words said, where there is none. */
static uint8_t *next_block(const struct signing *signing)
{
    struct manifest_blocks *blocks = signing->blocks;

    if (blocks->count == SUIT_AUTHOR_BLOCKS) {
        (void)call_usage(signing->call, "a manifest has at most %u signatures", SUIT_AUTHOR_BLOCKS);
        return NULL;
    }
    blocks->rooms[blocks->count] = malloc(BLOCK_MAX);
    return blocks->rooms[blocks->count];
}

static int block_written(const struct signing *signing, int r, const char *file, size_t size)
{
    struct manifest_blocks *blocks = signing->blocks;
    struct why why;

    blocks->views[blocks->count] = bytes_view(blocks->rooms[blocks->count], size);
    blocks->count++;
    if (r > 0)
        refuse(&why, REFUSED_INVALID, file, NULL, "it cannot sign: %s", cose_refusal_text(r));
    return common_outcome(r, &why);
}

static int sign_with_key(void *context, const char *file)
{
    struct signing *signing = context;
    struct crypto_key *key = NULL;
    struct proto_signer signer;
    uint8_t scratch[SCRATCH];
    struct why why;
    size_t size = 0;

    uint8_t *room = next_block(signing);
    if (room == NULL)
        return EXIT_FAULT;
    int r = crypto_key_read_file(file, &key, &why);
    if (r != 0) {
        free(room);
        return common_outcome(r, &why);
    }
    crypto_key_signer(key, &signer);
    int64_t algorithm = signing->algorithm;
    if (algorithm == 0)
        algorithm = signing->seal->dialect == SUIT_RIOT ? COSE_EDDSA : cose_algorithm_of(signer.key.type);
    struct cose_order order = suit_seal_order(signing->seal, (enum cose_algorithm)algorithm, bytes_view(NULL, 0));
    r = cose_sign1_write(&order, &signer, scratch, sizeof(scratch), room, BLOCK_MAX, &size);
    crypto_key_free(key);
    return block_written(signing, r, file, size);
}

static int sign_with_secret(void *context, const char *file)
{
    struct signing *signing = context;
    struct cose_order order = suit_seal_order(signing->seal, COSE_HMAC_256, bytes_view(NULL, 0));
    uint8_t scratch[SCRATCH];
    uint8_t *secret = NULL;
    size_t size = 0;
    size_t block_size = 0;

    int r = common_read(file, SECRET_MAX, &secret, &size);
    uint8_t *room = r == EXIT_DONE ? next_block(signing) : NULL;
    if (room != NULL) {
        r = cose_mac0_write(&order, bytes_view(secret, size), signing->crypto, scratch, sizeof(scratch), room,
                            BLOCK_MAX, &block_size);
        r = block_written(signing, r, file, block_size);
    } else if (r == EXIT_DONE) {
        r = EXIT_FAULT;
    }
    free(secret);
    return r;
}

int manifest_sign_with(struct call *call, const struct suit_seal *seal, const struct proto_crypto *crypto,
                       struct manifest_blocks *out)
{
    struct signing signing = { .call = call, .seal = seal, .crypto = crypto, .blocks = out };

    int r = algorithm_of(call, &signing.algorithm);
    if (r == EXIT_DONE)
        r = each_of(call, call_option(call, "key"), sign_with_key, &signing);
    if (r == EXIT_DONE)
        r = each_of(call, call_option(call, "secret"), sign_with_secret, &signing);
    return r;
}

/* ---- in two steps ---- */

static int to_be_signed(struct call *call, const struct suit_seal *seal)
{
    uint8_t out[SCRATCH];
    int64_t algorithm = 0;
    size_t size = 0;

    int r = algorithm_of(call, &algorithm);
    if (r == EXIT_DONE && algorithm == 0)
        r = call_usage(call, "--to-be-signed needs --algorithm: what the key will sign names it");
    if (r != EXIT_DONE)
        return r;
    struct cose_order order = suit_seal_order(seal, (enum cose_algorithm)algorithm, bytes_view(NULL, 0));
    if (cose_sign1_to_be_signed(&order, out, sizeof(out), &size) != 0)
        return EXIT_FAULT;
    r = common_write(call_option(call, "to-be-signed"), bytes_view(out, size));
    if (r == EXIT_DONE)
        call->output->done(call->output, "%zu bytes to be signed: %s", size, call_option(call, "to-be-signed"));
    return r;
}

static int assemble(struct call *call, const struct suit_seal *seal, struct manifest_blocks *out)
{
    struct signing signing = { .call = call, .seal = seal, .blocks = out };
    const char *file = call_option(call, "signature");
    uint8_t *signature = NULL;
    size_t size = 0;
    size_t block_size = 0;

    int r = algorithm_of(call, &signing.algorithm);
    if (r == EXIT_DONE && signing.algorithm == 0)
        r = call_usage(call, "--signature needs --algorithm");
    if (r == EXIT_DONE)
        r = common_read(file, SIGNATURE_SIZE_MAX, &signature, &size);
    uint8_t *room = r == EXIT_DONE ? next_block(&signing) : NULL;
    if (room != NULL) {
        struct cose_order order = suit_seal_order(seal, (enum cose_algorithm)signing.algorithm, bytes_view(NULL, 0));
        r = cose_sign1_assemble(&order, bytes_view(signature, size), room, BLOCK_MAX, &block_size);
        r = block_written(&signing, r, file, block_size);
    } else if (r == EXIT_DONE) {
        r = EXIT_FAULT;
    }
    free(signature);
    return r;
}

/* ---- the commands ---- */

static int write_added(struct call *call, struct bytes file, const struct manifest_blocks *blocks)
{
    size_t room = file.size + blocks->count * (BLOCK_MAX + 16) + 64;
    uint8_t *now = malloc(room);
    uint8_t *next = malloc(room);
    size_t size = file.size;
    int r = now == NULL || next == NULL ? -ENOMEM : 0;

    if (r == 0)
        memcpy(now, file.data, file.size);
    for (size_t i = 0; r == 0 && i < blocks->count; i++) {
        r = suit_envelope_add(bytes_view(now, size), blocks->views[i], next, room, &size);
        uint8_t *swap = now;
        now = next;
        next = swap;
    }
    r = manifest_refused(r, call->arguments[0], NULL);
    if (r == EXIT_DONE)
        r = common_write(call_option(call, "output"), bytes_view(now, size));
    if (r == EXIT_DONE)
        call->output->done(call->output, "manifest of %zu bytes, %zu signatures added: %s", size, blocks->count,
                           call_option(call, "output"));
    free(now);
    free(next);
    return r;
}

/* The seal of an envelope whose digest is that of its manifest. */
static int seal_of(struct bytes file, const struct proto_crypto *crypto, struct suit_seal *out)
{
    struct suit_envelope envelope;

    int r = suit_envelope_read(file, &envelope);
    if (r == 0)
        r = suit_seal_make(SUIT_37, envelope.manifest, crypto, out);
    if (r == 0 && !bytes_equal(envelope.digest, bytes_view(out->digest, sizeof(out->digest))))
        r = SUIT_REFUSED_DIGEST;
    return r;
}

int manifest_sign(struct call *call)
{
    bool elsewhere = call_option(call, "to-be-signed") != NULL;
    struct manifest_blocks blocks = { .count = 0 };
    struct proto_crypto crypto;
    struct suit_seal seal;
    uint8_t *data = NULL;
    size_t size = 0;

    if (!elsewhere && call_option(call, "output") == NULL)
        return call_usage(call, "--output is missing");
    crypto_openssl_proto(&crypto);
    int r = common_read(call->arguments[0], MANIFEST_FILE_MAX, &data, &size);
    if (r == EXIT_DONE)
        r = manifest_refused(seal_of(bytes_view(data, size), &crypto, &seal), call->arguments[0], NULL);
    if (r == EXIT_DONE && elsewhere) {
        r = to_be_signed(call, &seal);
    } else if (r == EXIT_DONE) {
        r = call_option(call, "signature") != NULL ? assemble(call, &seal, &blocks)
                                                   : manifest_sign_with(call, &seal, &crypto, &blocks);
        if (r == EXIT_DONE && blocks.count == 0)
            r = call_usage(call, "with what? Give --key, --secret or --signature");
        if (r == EXIT_DONE)
            r = write_added(call, bytes_view(data, size), &blocks);
    }
    manifest_blocks_free(&blocks);
    free(data);
    return r;
}

static int add_member(void *context, const char *name)
{
    unsigned *parts = context;
    struct why why;

    for (enum suit_part part = 0; part < SUIT_PARTS; part++) {
        if (suit_part_is_severable(part) && strcmp(name, suit_part_name(part)) == 0) {
            *parts |= 1u << part;
            return EXIT_DONE;
        }
    }
    return common_outcome(refuse(&why, REFUSED_INVALID, "--members",
                                 "coswid, dependency-resolution, payload-fetch, candidate-verification, install, text",
                                 "%s is no member that can be severed", name),
                          &why);
}

int manifest_sever(struct call *call)
{
    const char *members = call_option(call, "members");
    unsigned parts = members == NULL ? ~0u : 0;
    uint8_t *data = NULL;
    size_t size = 0;

    int r = each_of(call, members, add_member, &parts);
    if (r == EXIT_DONE)
        r = common_read(call->arguments[0], MANIFEST_FILE_MAX, &data, &size);
    uint8_t *out = malloc(size + 1);
    if (r == EXIT_DONE)
        r = manifest_refused(out == NULL ? -ENOMEM
                                         : suit_envelope_sever(bytes_view(data, size), parts, out, size, &size),
                             call->arguments[0], NULL);
    if (r == EXIT_DONE)
        r = common_write(call_option(call, "output"), bytes_view(out, size));
    if (r == EXIT_DONE)
        call->output->done(call->output, "manifest of %zu bytes: %s", size, call_option(call, "output"));
    free(out);
    free(data);
    return r;
}

struct key_list {
    struct public_key *keys;
    size_t count;
};

static int add_key(void *context, const char *file)
{
    struct key_list *list = context;
    struct why why;

    if (list->count == MANIFEST_KEYS_MAX)
        return common_outcome(refuse(&why, REFUSED_TOO_LARGE, "--key", NULL, "more than %d keys", MANIFEST_KEYS_MAX),
                              &why);
    return common_read_public(file, &list->keys[list->count++]);
}

int manifest_public_keys(const struct call *call, struct public_key out[MANIFEST_KEYS_MAX], size_t *out_count)
{
    struct key_list list = { out, 0 };

    int r = each_of(call, call_option(call, "key"), add_key, &list);
    *out_count = list.count;
    return r;
}
