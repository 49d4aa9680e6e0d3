/* jansson_oracle.h - another JSON implementation's verdict; its header has names that ours has too. */
#ifndef TINYPART_TESTS_FUZZ_JANSSON_ORACLE_H
#define TINYPART_TESTS_FUZZ_JANSSON_ORACLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

bool jansson_reads(const uint8_t *data, size_t size);

#endif
