/* hss_tree.h - one tree of a private key: its one-time keys, and the nodes above them that are kept in a file.
 * Keys come from a seed (RFC 8554 appendix A): x[i] = H(I || q || i || 0xff || seed). With i = 0xfffd that gives the
 * randomizer C of a signature; the tree below takes its seed and identifier from i = 0xfffe and 0xffff. C must be the
 * same when the same tree signs the same key again: two C would be two signatures with one one-time key.
 *
 * The file holds all nodes but those of the lowest cut levels, which are hashed anew when they are wanted: 2^cut
 * leaves. cut is 0 up to height 15, 3 at 20 and 8 at 25, so a file has at most 8 MiB. Nothing in it is secret, and it
 * is only a cache: made again where it is missing, does not fit, or yields a signature that does not hold. */
#ifndef TINYPART_HSS_TREE_H
#define TINYPART_HSS_TREE_H

#include "device_proto/lms.h"

/* Told now and then how many of a tree's leaves are done; a negative answer ends the work and is passed up. */
struct hss_progress {
    void *context;
    int (*step)(void *context, uint64_t done, uint64_t all);
};

struct hss_tree {
    struct lms_tree public; /* the root is set by hss_tree_open */
    const uint8_t *seed;    /* n bytes; the owner's, kept as long as the tree */
    unsigned cut;
    int nodes;           /* the file; -1: not open */
    uint32_t part;       /* which 2^cut leaves are in part_nodes */
    uint8_t *part_nodes; /* their tree, numbered from 1; NULL: none yet */
};

void hss_tree_init(struct hss_tree *tree, const struct lms_parameters *parameters,
                   const uint8_t identifier[LMS_IDENTIFIER_SIZE], const uint8_t *seed);
void hss_tree_deinit(struct hss_tree *tree);

/* Opens the nodes at path, or makes them (all leaves, over the machine's processors) and writes them there; where that
 * folder takes no files they stay in memory. progress may be NULL. 0, progress' own answer, or a fault. */
int hss_tree_open(const struct proto_crypto *crypto, struct hss_tree *tree, const char *path,
                  const struct hss_progress *progress);

/* Signs with one-time key q: lms_signature_size bytes. Whoever calls has made sure that q never signs anything else. */
int hss_tree_sign(const struct proto_crypto *crypto, struct hss_tree *tree, uint32_t q, struct bytes message,
                  uint8_t *out);

/* Identifier and seed of the tree that one-time key q of this one signs. */
int hss_tree_child(const struct proto_crypto *crypto, const struct hss_tree *tree, uint32_t q,
                   uint8_t out_identifier[LMS_IDENTIFIER_SIZE], uint8_t *out_seed);

/* The nodes of one part, numbered from its root 1 on: nodes has room for 2^(cut + 1) x n bytes, the first n unused. */
int hss_tree_part(const struct proto_crypto *crypto, const struct hss_tree *tree, uint32_t part, uint8_t *nodes);

#endif
