/* lms.c - LM-OTS and LMS with SHA-256 (RFC 8554 sections 4 and 5).
 * Each step of a chain hashes 23 + n bytes that lie in one place: with n = 32 these are 55, just what one block of
 * SHA-256 holds beside its padding. A verifier thus costs one block for each step. */
#include "device_proto/lms.h"

#define D_PBLC 0x8080u
#define D_MESG 0x8181u
#define D_LEAF 0x8282u
#define D_INTR 0x8383u

/* LM-OTS by width 1, 2, 4, 8: p and ls (RFC 8554 section 4.1; SP 800-208 section 4). */
static const struct {
    uint8_t width;
    uint16_t chains[2]; /* n = 32, n = 24 */
    uint8_t shift[2];
} widths[4] = {
    { 1, { 265, 200 }, { 7, 8 } },
    { 2, { 133, 101 }, { 6, 6 } },
    { 4, { 67, 51 }, { 4, 4 } },
    { 8, { 34, 26 }, { 0, 0 } },
};

bool lms_parameters_of(uint32_t lms_type, uint32_t lmots_type, struct lms_parameters *out)
{
    if (lms_type < 5 || lms_type > 14 || lmots_type < 1 || lmots_type > 8)
        return false;
    unsigned shorter = lms_type >= 10 ? 1 : 0;
    if ((lmots_type >= 5 ? 1u : 0u) != shorter)
        return false;
    unsigned row = (lmots_type - 1) % 4;
    *out = (struct lms_parameters){
        .lms_type = lms_type,
        .lmots_type = lmots_type,
        .n = shorter == 1 ? 24 : 32,
        .width = widths[row].width,
        .chains = widths[row].chains[shorter],
        .shift = widths[row].shift[shorter],
        .height = 5 + 5 * ((lms_type - 5) % 5),
    };
    return true;
}

bool lms_parameters_for(unsigned n, unsigned height, unsigned width, struct lms_parameters *out)
{
    uint32_t shorter = n == 24 ? 1 : 0;

    if ((n != 32 && n != 24) || height < 5 || height > LMS_HEIGHT_MAX || height % 5 != 0)
        return false;
    for (uint32_t row = 0; row < 4; row++) {
        if (widths[row].width == width)
            return lms_parameters_of(5 * shorter + 4 + height / 5, 4 * shorter + 1 + row, out);
    }
    return false;
}

bool lms_public_read(struct bytes encoded, struct lms_tree *out)
{
    if (encoded.size < 8 || !lms_parameters_of(lms_get32(encoded.data), lms_get32(encoded.data + 4), &out->parameters))
        return false;
    if (encoded.size < lms_public_size(&out->parameters))
        return false;
    memcpy(out->identifier, encoded.data + 8, LMS_IDENTIFIER_SIZE);
    memcpy(out->root, encoded.data + 8 + LMS_IDENTIFIER_SIZE, out->parameters.n);
    return true;
}

size_t lms_public_write(const struct lms_tree *tree, uint8_t out[LMS_PUBLIC_SIZE_MAX])
{
    lms_put32(out, tree->parameters.lms_type);
    lms_put32(out + 4, tree->parameters.lmots_type);
    memcpy(out + 8, tree->identifier, LMS_IDENTIFIER_SIZE);
    memcpy(out + 8 + LMS_IDENTIFIER_SIZE, tree->root, tree->parameters.n);
    return lms_public_size(&tree->parameters);
}

/* I || u32(number) || u16(what): how everything that is hashed begins. */
#define HEAD_SIZE (LMS_IDENTIFIER_SIZE + 6u)
static void put_head(const struct lms_tree *tree, uint32_t number, unsigned what, uint8_t out[HEAD_SIZE])
{
    memcpy(out, tree->identifier, LMS_IDENTIFIER_SIZE);
    lms_put32(out + LMS_IDENTIFIER_SIZE, number);
    out[HEAD_SIZE - 2] = (uint8_t)(what >> 8);
    out[HEAD_SIZE - 1] = (uint8_t)what;
}

static int add(const struct proto_crypto *crypto, struct sha256_stream *stream, const uint8_t *data, size_t size)
{
    return crypto->sha256_update(crypto->context, stream, bytes_view(data, size));
}

static int begin(const struct proto_crypto *crypto, const struct lms_tree *tree, uint32_t number, unsigned what,
                 struct sha256_stream *stream)
{
    uint8_t head[HEAD_SIZE];
    int r;

    put_head(tree, number, what, head);
    r = crypto->sha256_begin(crypto->context, stream);
    return r != 0 ? r : add(crypto, stream, head, sizeof head);
}

int lmots_digest(const struct proto_crypto *crypto, const struct lms_tree *tree, uint32_t q, const uint8_t *randomizer,
                 struct bytes message, uint8_t out[LMOTS_DIGEST_SIZE])
{
    const struct lms_parameters *p = &tree->parameters;
    struct sha256_stream stream;
    uint8_t digest[DIGEST_SIZE];
    uint32_t sum = 0;
    int r;

    r = begin(crypto, tree, q, D_MESG, &stream);
    if (r == 0)
        r = add(crypto, &stream, randomizer, p->n);
    if (r == 0)
        r = crypto->sha256_update(crypto->context, &stream, message);
    if (r == 0)
        r = crypto->sha256_finish(crypto->context, &stream, digest);
    if (r != 0)
        return r;
    memcpy(out, digest, p->n);
    for (unsigned i = 0; i < 8 * p->n / p->width; i++)
        sum += (1u << p->width) - 1 - lmots_coefficient(out, i, p->width);
    sum <<= p->shift;
    out[p->n] = (uint8_t)(sum >> 8);
    out[p->n + 1] = (uint8_t)sum;
    return 0;
}

unsigned lmots_coefficient(const uint8_t *digest, unsigned i, unsigned width)
{
    unsigned in_byte = 8 / width;

    return (unsigned)(digest[i / in_byte] >> (8 - width - width * (i % in_byte))) & ((1u << width) - 1);
}

int lmots_chain(const struct proto_crypto *crypto, const struct lms_tree *tree, uint32_t q, unsigned i, unsigned first,
                unsigned end, uint8_t value[LMS_N_MAX])
{
    unsigned n = tree->parameters.n;
    uint8_t step[HEAD_SIZE + 1 + DIGEST_SIZE];
    int r = 0;

    put_head(tree, q, i, step);
    memcpy(step + HEAD_SIZE + 1, value, n);
    for (unsigned j = first; r == 0 && j < end; j++) {
        step[HEAD_SIZE] = (uint8_t)j;
        /* The digest lands where the next step wants it; of n = 24 only so much is hashed again. */
        r = crypto->sha256(crypto->context, bytes_view(step, HEAD_SIZE + 1 + n), step + HEAD_SIZE + 1);
    }
    memcpy(value, step + HEAD_SIZE + 1, n);
    return r;
}

int lmots_public_begin(const struct proto_crypto *crypto, const struct lms_tree *tree, uint32_t q,
                       struct sha256_stream *stream)
{
    return begin(crypto, tree, q, D_PBLC, stream);
}

int lmots_public_leaf(const struct proto_crypto *crypto, const struct lms_tree *tree, uint32_t q,
                      struct sha256_stream *stream, uint8_t out_node[LMS_N_MAX])
{
    uint8_t leaf[HEAD_SIZE + DIGEST_SIZE];
    uint8_t digest[DIGEST_SIZE];
    int r;

    put_head(tree, (1u << tree->parameters.height) + q, D_LEAF, leaf);
    r = crypto->sha256_finish(crypto->context, stream, leaf + HEAD_SIZE);
    if (r == 0)
        r = crypto->sha256(crypto->context, bytes_view(leaf, HEAD_SIZE + tree->parameters.n), digest);
    if (r == 0)
        memcpy(out_node, digest, tree->parameters.n);
    return r;
}

int lms_inner(const struct proto_crypto *crypto, const struct lms_tree *tree, uint32_t number, const uint8_t *left,
              const uint8_t *right, uint8_t out_node[LMS_N_MAX])
{
    unsigned n = tree->parameters.n;
    uint8_t inner[HEAD_SIZE + 2 * LMS_N_MAX];
    uint8_t digest[DIGEST_SIZE];
    int r;

    put_head(tree, number, D_INTR, inner);
    memcpy(inner + HEAD_SIZE, left, n);
    memcpy(inner + HEAD_SIZE + n, right, n);
    r = crypto->sha256(crypto->context, bytes_view(inner, HEAD_SIZE + 2 * (size_t)n), digest);
    if (r == 0)
        memcpy(out_node, digest, n);
    return r;
}

/* Leaf q's node as the signature has it: all chains carried to their ends (RFC 8554 algorithm 4b). */
static int candidate_leaf(const struct proto_crypto *crypto, const struct lms_tree *tree, uint32_t q,
                          const uint8_t *randomizer, struct bytes message, uint8_t out_node[LMS_N_MAX])
{
    const struct lms_parameters *p = &tree->parameters;
    const uint8_t *chains = randomizer + p->n;
    uint8_t digest[LMOTS_DIGEST_SIZE];
    uint8_t value[LMS_N_MAX];
    struct sha256_stream stream;
    int r;

    r = lmots_digest(crypto, tree, q, randomizer, message, digest);
    if (r == 0)
        r = lmots_public_begin(crypto, tree, q, &stream);
    for (unsigned i = 0; r == 0 && i < p->chains; i++) {
        memcpy(value, chains + (size_t)i * p->n, p->n);
        r = lmots_chain(crypto, tree, q, i, lmots_coefficient(digest, i, p->width), (1u << p->width) - 1, value);
        if (r == 0)
            r = add(crypto, &stream, value, p->n);
    }
    return r != 0 ? r : lmots_public_leaf(crypto, tree, q, &stream, out_node);
}

int lms_verify(const struct proto_crypto *crypto, const struct lms_tree *tree, struct bytes message,
               struct bytes signature)
{
    const struct lms_parameters *p = &tree->parameters;
    uint8_t node[LMS_N_MAX];
    int r;

    if (signature.size != lms_signature_size(p))
        return 1;
    const uint8_t *path = signature.data + signature.size - (size_t)p->height * p->n;
    uint32_t q = lms_get32(signature.data);
    if (lms_get32(signature.data + 4) != p->lmots_type || lms_get32(path - 4) != p->lms_type || q >> p->height != 0)
        return 1;
    r = candidate_leaf(crypto, tree, q, signature.data + 8, message, node);
    for (uint32_t number = (1u << p->height) + q; r == 0 && number > 1; number /= 2) {
        r = number % 2 == 1 ? lms_inner(crypto, tree, number / 2, path, node, node)
                            : lms_inner(crypto, tree, number / 2, node, path, node);
        path += p->n;
    }
    if (r != 0)
        return r;
    return memcmp(node, tree->root, p->n) == 0 ? 0 : 1;
}
