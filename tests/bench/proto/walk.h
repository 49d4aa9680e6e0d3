/* walk.h - one CBOR item read through by three implementations: every integer and every string looked at. Each gives
 * the sum of what it saw (integers' magnitudes and strings' sizes), so that they can be told to have done the same. In
 * files of their own, since their headers use the same names. */
#ifndef TINYPART_TESTS_BENCH_PROTO_WALK_H
#define TINYPART_TESTS_BENCH_PROTO_WALK_H

#include <stddef.h>
#include <stdint.h>

uint64_t walk_ours(const uint8_t *data, size_t size);
uint64_t walk_libcbor(const uint8_t *data, size_t size);      /* decoded into its tree, the tree freed */
uint64_t walk_libcbor_tree(const uint8_t *data, size_t size); /* and the tree gone through */
#ifdef WITH_NANOCBOR
uint64_t walk_nanocbor(const uint8_t *data, size_t size);
#endif

#endif
