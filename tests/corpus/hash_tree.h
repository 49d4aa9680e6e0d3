/* hash_tree.h - one LMS tree that signs test data (RFC 8554, SHA-256 with n = 32, height 5, width 4), in an HSS of one
 * level. Its 32 one-time keys are used again and again, which no key in earnest may be: the corpus's private keys are
 * published anyway. */
#ifndef TINYPART_TESTS_CORPUS_HASH_TREE_H
#define TINYPART_TESTS_CORPUS_HASH_TREE_H

#include <stddef.h>
#include <stdint.h>

#define TREE_LEAVES         32u
#define TREE_PUBLIC_SIZE    60u
#define TREE_CHAINS         67u
#define TREE_SIGNATURE_SIZE (4u + 4u + 4u + 32u + 32u * TREE_CHAINS + 4u + 32u * 5u)

/* levels 1, types 5 and 3, I, root. */
void tree_public(uint8_t out[TREE_PUBLIC_SIZE]);
/* By one-time key leaf, below TREE_LEAVES. */
void tree_sign(unsigned leaf, const uint8_t *message, size_t size, uint8_t out[TREE_SIGNATURE_SIZE]);

#endif
