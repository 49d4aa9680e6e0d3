#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "tests/corpus/corpus.h"
#include "tests/unit/corpus/decoders.h"

/* Whether one of the words is the wanted one. */
static bool has_word(const char *words, const char *wanted)
{
    size_t size = strlen(wanted);

    for (const char *at = words; at != NULL; at = strchr(at, ' ')) {
        at += *at == ' ' ? 1 : 0;
        if (strncmp(at, wanted, size) == 0 && (at[size] == ' ' || at[size] == '\0'))
            return true;
    }
    return false;
}

static const char *words_of(const struct decoder *decoder, int refusal)
{
    bool known = refusal > 0 && refusal < decoder->word_count && decoder->words[refusal] != NULL;

    return refusal == 0 ? "accept" : known ? decoder->words[refusal] : "a refusal without a word";
}

/* What is beyond a bound may be taken or refused, but for the reason that the corpus names. */
static bool agrees(const struct corpus_case *how, const char *words, int refusal)
{
    if (refusal == 0)
        return how->verdict != REFUSE;
    if (how->verdict == ACCEPT)
        return false;
    return strcmp(how->reason, "any") == 0 || has_word(words, how->reason);
}

static bool replay(uint64_t seed, uint64_t number, struct making *making)
{
    struct corpus_entry entry;
    const struct decoder *decoder;
    uint8_t *exact;
    int refusal;

    corpus_make(seed, number, making, &entry);
    decoder = decoder_of(entry.kind->name);
    assert_non_null(decoder);
    exact = malloc(entry.size > 0 ? entry.size : 1); /* so that a sanitizer sees a byte read too far */
    assert_non_null(exact);
    memcpy(exact, entry.data, entry.size);
    refusal = decoder->decode(bytes_view(exact, entry.size));
    free(exact);
    if (agrees(entry.how, words_of(decoder, refusal), refusal))
        return true;
    print_error("%s: the corpus says %s, we say %s (%d)\n", entry.file,
                entry.how->verdict == ACCEPT ? "accept" : entry.how->reason, words_of(decoder, refusal), refusal);
    return false;
}

static void replay_all(uint64_t seed, uint64_t count)
{
    struct making *making = malloc(sizeof *making);
    size_t differences = 0;

    assert_non_null(making);
    for (uint64_t i = 0; i < count; i++)
        differences += replay(seed, i, making) ? 0 : 1;
    free(making);
    assert_int_equal(differences, 0);
}

static void agrees_with_the_published_corpus(void **state)
{
    (void)state;
    replay_all(CORPUS_SEED, CORPUS_COUNT);
}

/* Under TINYPART_FULL a corpus that nobody has seen before, whose seed is said. */
static void agrees_with_other_seeds(void **state)
{
    const char *seed = getenv("TINYPART_CORPUS_SEED");
    bool full = getenv("TINYPART_FULL") != NULL;

    (void)state;
    replay_all(seed != NULL ? strtoull(seed, NULL, 0) : 20261121, full ? 200000 : 1500);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_the_published_corpus),
        cmocka_unit_test(agrees_with_other_seeds),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
