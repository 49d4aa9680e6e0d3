#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "tests/corpus/keys.h"
#include "tests/corpus/publish.h"

/* SHA-256 of the published corpus's index.jsonl, which holds the SHA-256 of every file. A change of the generator
 * changes it: make the new one from the test's message, and say in the commit that the corpus is another one. */
static const char published_index[] = "f83facc715a1af093a313067881e4b50797363475077620f0586dfb289df2b99";

static void hex_digest(const void *data, size_t size, char out[65])
{
    uint8_t digest[SHA256_SIZE];

    keys_sha256(data, size, digest);
    for (unsigned i = 0; i < SHA256_SIZE; i++)
        snprintf(out + 2 * i, 3, "%02x", digest[i]);
}

static void is_the_corpus_that_was_published(void **state)
{
    struct published published;
    char digest[65];

    (void)state;
    published_make(&published, CORPUS_SEED, CORPUS_COUNT);
    hex_digest(published_find(&published, "index.jsonl")->data, published_find(&published, "index.jsonl")->size,
               digest);
    published_free(&published);
    assert_string_equal(digest, published_index);
}

/* Every case of every kind, and no file too large for a datagram. */
static void has_every_case(void **state)
{
    struct making *making = malloc(sizeof *making);
    struct corpus_entry entry;
    size_t cases = 0, seen = 0;

    (void)state;
    assert_non_null(making);
    for (size_t i = 0; i < corpus_kind_count; i++)
        cases += corpus_kinds[i]->case_count;
    for (uint64_t i = 0; i < CORPUS_COUNT; i++) {
        corpus_make(CORPUS_SEED, i, making, &entry);
        seen += making->round == 0 ? 1 : 0;
        assert_true((entry.how->verdict == ACCEPT) == (entry.how->reason == NULL));
        assert_true((entry.how->reason == NULL) == (entry.how->broken == NULL));
    }
    free(making);
    assert_int_equal(seen, cases);
}

static size_t archive(uint64_t seed, char **out)
{
    struct published published;
    size_t size = 0;
    FILE *file = open_memstream(out, &size);

    assert_non_null(file);
    published_make(&published, seed, 50);
    assert_int_equal(published_tar(&published, "corpus", file), 0);
    published_free(&published);
    fclose(file);
    return size;
}

static void gives_the_same_archive_for_the_same_seed(void **state)
{
    char *first, *second, *third;
    size_t size = archive(7, &first);

    (void)state;
    assert_int_equal(archive(7, &second), size);
    assert_memory_equal(first, second, size);
    assert_int_equal(size % 512, 0);
    assert_true(archive(8, &third) != size || memcmp(first, third, size) != 0);
    free(first);
    free(second);
    free(third);
}

/* RFC 6979 appendix A.2.5, P-256 with SHA-256. */
static void signs_with_the_nonces_of_rfc_6979(void **state)
{
    static const uint8_t secret[32] = { 0xc9, 0xaf, 0xa9, 0xd8, 0x45, 0xba, 0x75, 0x16, 0x6b, 0x5c, 0x21,
                                        0x57, 0x67, 0xb1, 0xd6, 0x93, 0x4e, 0x50, 0xc3, 0xdb, 0x36, 0xe8,
                                        0x9b, 0x12, 0x7b, 0x8a, 0x62, 0x2b, 0x12, 0x0f, 0x67, 0x21 };
    static const char sample[] = "efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716"
                                 "f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8";
    uint8_t signature[RAW_SIGNATURE];
    char hex[2 * RAW_SIGNATURE + 1];

    (void)state;
    keys_ecdsa(secret, (const uint8_t *)"sample", 6, signature);
    for (unsigned i = 0; i < RAW_SIGNATURE; i++)
        snprintf(hex + 2 * i, 3, "%02x", signature[i]);
    assert_string_equal(hex, sample);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(is_the_corpus_that_was_published),
        cmocka_unit_test(has_every_case),
        cmocka_unit_test(gives_the_same_archive_for_the_same_seed),
        cmocka_unit_test(signs_with_the_nonces_of_rfc_6979),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
