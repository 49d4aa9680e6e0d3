/* libcbor_oracle.h - libcbor's opinion. */
#ifndef TINYPART_TESTS_FUZZ_LIBCBOR_ORACLE_H
#define TINYPART_TESTS_FUZZ_LIBCBOR_ORACLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Whether data begins with a well-formed item, and the bytes that it takes. */
bool libcbor_reads(const uint8_t *data, size_t size, size_t *out_read);

#endif
