/* hss_tree.c - one-time keys from a seed, and signatures with their paths (see hss_tree.h). */
#include "daemon/hss/hss_tree.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "daemon/hss/internal.h"

enum { FROM_RANDOMIZER = 0xfffd, FROM_SEED = 0xfffe, FROM_IDENTIFIER = 0xffff, NODES_LEVELS = 17 };

void hss_tree_init(struct hss_tree *tree, const struct lms_parameters *parameters,
                   const uint8_t identifier[LMS_IDENTIFIER_SIZE], const uint8_t *seed)
{
    *tree = (struct hss_tree){ .seed = seed, .nodes = -1 };
    tree->public.parameters = *parameters;
    memcpy(tree->public.identifier, identifier, LMS_IDENTIFIER_SIZE);
    tree->cut = parameters->height > NODES_LEVELS ? parameters->height - NODES_LEVELS : 0;
}

void hss_tree_deinit(struct hss_tree *tree)
{
    if (tree->nodes >= 0)
        close(tree->nodes);
    free(tree->part_nodes);
    tree->nodes = -1;
    tree->part_nodes = NULL;
}

/* The first size bytes of H(I || q || i || 0xff || seed). */
static int derive(const struct proto_crypto *crypto, const struct hss_tree *tree, uint32_t q, unsigned i, size_t size,
                  uint8_t *out)
{
    const size_t n = tree->public.parameters.n;
    uint8_t in[LMS_IDENTIFIER_SIZE + 7 + LMS_N_MAX];
    uint8_t digest[DIGEST_SIZE];

    memcpy(in, tree->public.identifier, LMS_IDENTIFIER_SIZE);
    lms_put32(in + LMS_IDENTIFIER_SIZE, q);
    in[LMS_IDENTIFIER_SIZE + 4] = (uint8_t)(i >> 8);
    in[LMS_IDENTIFIER_SIZE + 5] = (uint8_t)i;
    in[LMS_IDENTIFIER_SIZE + 6] = 0xff;
    memcpy(in + LMS_IDENTIFIER_SIZE + 7, tree->seed, n);
    int r = crypto->sha256(crypto->context, bytes_view(in, LMS_IDENTIFIER_SIZE + 7 + n), digest);
    if (r == 0)
        memcpy(out, digest, size);
    explicit_bzero(in, sizeof(in));
    explicit_bzero(digest, sizeof(digest));
    return r;
}

int hss_tree_child(const struct proto_crypto *crypto, const struct hss_tree *tree, uint32_t q,
                   uint8_t out_identifier[LMS_IDENTIFIER_SIZE], uint8_t *out_seed)
{
    int r = derive(crypto, tree, q, FROM_IDENTIFIER, LMS_IDENTIFIER_SIZE, out_identifier);

    return r != 0 ? r : derive(crypto, tree, q, FROM_SEED, tree->public.parameters.n, out_seed);
}

static int leaf(const struct proto_crypto *crypto, const struct hss_tree *tree, uint32_t q, uint8_t *out_node)
{
    const struct lms_parameters *p = &tree->public.parameters;
    struct sha256_stream stream;
    uint8_t value[LMS_N_MAX];

    int r = lmots_public_begin(crypto, &tree->public, q, &stream);
    for (unsigned i = 0; r == 0 && i < p->chains; i++) {
        r = derive(crypto, tree, q, i, p->n, value);
        if (r == 0)
            r = lmots_chain(crypto, &tree->public, q, i, 0, (1u << p->width) - 1, value);
        if (r == 0)
            r = crypto->sha256_update(crypto->context, &stream, bytes_view(value, p->n));
    }
    explicit_bzero(value, sizeof(value)); /* where a chain was cut short by a fault it is no public value */
    return r != 0 ? r : lmots_public_leaf(crypto, &tree->public, q, &stream, out_node);
}

int hss_tree_part(const struct proto_crypto *crypto, const struct hss_tree *tree, uint32_t part, uint8_t *nodes)
{
    const size_t n = tree->public.parameters.n;
    const uint32_t leaves = 1u << tree->cut;
    int r = 0;

    for (uint32_t i = 0; r == 0 && i < leaves; i++)
        r = leaf(crypto, tree, part * leaves + i, nodes + (leaves + i) * n);
    /* Node number i of the part is, in the whole tree, i's last bits behind the number of the part's root. */
    const uint32_t root = (1u << (tree->public.parameters.height - tree->cut)) + part;
    for (uint32_t i = leaves - 1; r == 0 && i >= 1; i--) {
        unsigned depth = 31u - (unsigned)__builtin_clz(i);
        uint32_t number = (root << depth) + (i - (1u << depth));
        const uint8_t *children = nodes + 2 * (size_t)i * n;
        r = lms_inner(crypto, &tree->public, number, children, children + n, nodes + i * n);
    }
    return r;
}

/* The lowest levels' nodes around leaf q. */
static int want_part(const struct proto_crypto *crypto, struct hss_tree *tree, uint32_t q)
{
    const uint32_t part = q >> tree->cut;

    if (tree->cut == 0 || (tree->part_nodes != NULL && tree->part == part))
        return 0;
    if (tree->part_nodes == NULL)
        tree->part_nodes = malloc(((size_t)2 << tree->cut) * tree->public.parameters.n);
    if (tree->part_nodes == NULL)
        return -ENOMEM;
    int r = hss_tree_part(crypto, tree, part, tree->part_nodes);
    tree->part = part;
    if (r != 0) {
        free(tree->part_nodes);
        tree->part_nodes = NULL;
    }
    return r;
}

static int put_path(const struct proto_crypto *crypto, struct hss_tree *tree, uint32_t q, uint8_t *out)
{
    const unsigned height = tree->public.parameters.height;
    const size_t n = tree->public.parameters.n;

    int r = want_part(crypto, tree, q);
    uint32_t in_part = (1u << tree->cut) + (q & ((1u << tree->cut) - 1));
    for (unsigned level = 0; r == 0 && level < height; level++, out += n) {
        if (level < tree->cut) {
            memcpy(out, tree->part_nodes + ((in_part >> level) ^ 1u) * n, n);
            continue;
        }
        uint32_t number = (((1u << height) + q) >> level) ^ 1u;
        r = hss_read_at(tree->nodes, out, n, hss_node_at(&tree->public.parameters, number));
    }
    return r;
}

static int put_one_time(const struct proto_crypto *crypto, const struct hss_tree *tree, uint32_t q,
                        struct bytes message, uint8_t *out)
{
    const struct lms_parameters *p = &tree->public.parameters;
    uint8_t digest[LMOTS_DIGEST_SIZE];
    uint8_t value[LMS_N_MAX];

    lms_put32(out, p->lmots_type);
    int r = derive(crypto, tree, q, FROM_RANDOMIZER, p->n, out + 4);
    if (r == 0)
        r = lmots_digest(crypto, &tree->public, q, out + 4, message, digest);
    uint8_t *chain = out + 4 + p->n;
    for (unsigned i = 0; r == 0 && i < p->chains; i++, chain += p->n) {
        r = derive(crypto, tree, q, i, p->n, value);
        if (r == 0)
            r = lmots_chain(crypto, &tree->public, q, i, 0, lmots_coefficient(digest, i, p->width), value);
        memcpy(chain, value, p->n);
    }
    explicit_bzero(value, sizeof(value));
    return r;
}

int hss_tree_sign(const struct proto_crypto *crypto, struct hss_tree *tree, uint32_t q, struct bytes message,
                  uint8_t *out)
{
    const struct lms_parameters *p = &tree->public.parameters;
    uint8_t *path = out + 12 + (size_t)p->n * (1 + p->chains);

    lms_put32(out, q);
    lms_put32(path - 4, p->lms_type);
    int r = put_path(crypto, tree, q, path);
    if (r == 0)
        r = put_one_time(crypto, tree, q, message, out + 4);
    if (r != 0)
        explicit_bzero(out, lms_signature_size(p)); /* no half of a signature leaves */
    return r;
}
