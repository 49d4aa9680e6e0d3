/* test_hss_key.c - keys that sign, each one-time key once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "daemon/base/text.h"
#include "tests/unit/hss/lab.h"

static int sign_refused(struct lab *lab, struct hss_key *key, struct why *why)
{
    *why = (struct why){ .what = "" };
    return hss_key_sign(key, bytes_of_text("m"), lab->signature, sizeof(lab->signature), &lab->size, why);
}

/* Signing ------------------------------------------------------------------------------------------------------- */

static void signs_to_exhaustion_with_every_width_and_hash(void **state)
{
    static const unsigned ns[] = { 32, 24 }, widths[] = { 1, 2, 4, 8 };
    struct why why;

    for (unsigned i = 0; i < 8; i++) {
        void *own = NULL;
        assert_int_equal(lab_setup(&own), 0);
        struct lab *lab = own;
        struct hss_key *key = lab_generate(lab, ns[i / 4], 5, widths[i % 4], 1);
        for (uint64_t index = 0; index < 32; index++)
            assert_int_equal(lab_sign(lab, key, "a message"), index);
        assert_int_equal(sign_refused(lab, key, &why), REFUSED_EXHAUSTED);
        assert_non_null(strstr(why.what, "all 32 one-time keys"));
        assert_int_equal(hss_key_check(key, &why), REFUSED_EXHAUSTED);
        hss_key_free(key);
        lab_teardown(&own);
    }
    (void)state;
}

static void two_levels_sign_a_thousand_times(void **state)
{
    struct lab *lab = *state;
    struct hss_key *key = lab_generate(lab, 24, 5, 1, 2);
    struct why why;

    for (uint64_t index = 0; index < 1024; index++)
        assert_int_equal(lab_sign(lab, key, "a message"), index);
    assert_int_equal(sign_refused(lab, key, &why), REFUSED_EXHAUSTED);
    hss_key_free(key);
}

static void trees_change_at_all_levels(void **state)
{
    struct lab *lab = *state;
    struct hss_key *key = lab_generate(lab, 32, 5, 2, 3);

    for (uint64_t to = 1010; to < 32768; to += 10571) { /* 1010, 11581, 22152, 32723 */
        assert_int_equal(hss_key_skip(key, to, NULL), 0);
        hss_key_free(key); /* and what it had reserved */
        key = lab_open(lab);
        for (uint64_t index = to; index < to + 45; index++)
            assert_int_equal(lab_sign(lab, key, "m"), index);
    }
    hss_key_free(key);
}

static void a_tall_tree_is_signed_with_a_part_of_it_only(void **state)
{
    struct lab *lab = *state;
    struct lms_parameters parameters;
    uint8_t identifier[LMS_IDENTIFIER_SIZE] = { 7 }, seed[32] = { 9 }, other[4096];
    struct hss_tree whole, cut;
    char path[128];

    assert_true(lms_parameters_for(32, 5, 4, &parameters));
    hss_tree_init(&whole, &parameters, identifier, seed);
    hss_tree_init(&cut, &parameters, identifier, seed);
    cut.cut = 3;
    assert_int_equal(hss_tree_open(&lab->crypto, &whole, lab->tree, NULL), 0);
    (void)snprintf(path, sizeof(path), "%s/cut", lab->folder);
    assert_int_equal(hss_tree_open(&lab->crypto, &cut, path, NULL), 0);
    assert_memory_equal(whole.public.root, cut.public.root, 32);
    for (uint32_t i = 0; i < 32; i++) {
        uint32_t q = i * 13 % 32;
        assert_int_equal(hss_tree_sign(&lab->crypto, &whole, q, bytes_of_text("m"), lab->signature), 0);
        assert_int_equal(hss_tree_sign(&lab->crypto, &cut, q, bytes_of_text("m"), other), 0);
        assert_memory_equal(lab->signature, other, lms_signature_size(&parameters));
    }
    hss_tree_deinit(&whole);
    hss_tree_deinit(&cut);
}

/* The seed of RFC 8554's second case, whose tree keys are derived as its appendix A says. */
static void a_seed_of_the_rfc_gives_its_public_key(void **state)
{
    struct lab *lab = *state;
    struct lms_parameters parameters;
    uint8_t identifier[LMS_IDENTIFIER_SIZE], seed[32], root[32];
    struct hss_tree tree;

    assert_int_equal(hex_decode("d08fabd4a2091ff0a8cb4ed834e74534", identifier, sizeof(identifier)), 0);
    assert_int_equal(hex_decode("558b8966c48ae9cb898b423c83443aae014a72f1b1ab5cc85cf1d892903b5439", seed, 32), 0);
    assert_int_equal(hex_decode("32a58885cd9ba0431235466bff9651c6c92124404d45fa53cf161c28f1ad5a8e", root, 32), 0);
    assert_true(lms_parameters_of(6, 3, &parameters));
    hss_tree_init(&tree, &parameters, identifier, seed);
    assert_int_equal(hss_tree_open(&lab->crypto, &tree, lab->tree, NULL), 0);
    assert_memory_equal(tree.public.root, root, 32);
    hss_tree_deinit(&tree);
}

static int count_steps(void *context, uint64_t done, uint64_t all)
{
    uint64_t *seen = context;

    assert_true(done <= all && all == 32);
    (*seen)++;
    return *seen == 20 ? -ECANCELED : 0;
}

static void progress_is_told_and_may_end_it(void **state)
{
    struct lab *lab = *state;
    const struct hss_shape shape = { .n = 32, .height = 5, .width = 1, .levels = 1 };
    const struct hss_places places = { .file = lab->file };
    uint64_t seen = 0;
    const struct hss_progress progress = { &seen, count_steps };
    struct hss_key *key = NULL;

    assert_int_equal(hss_key_generate(&lab->crypto, &lab->random, &shape, &places, &progress, &key, NULL), -ECANCELED);
    assert_int_equal(seen, 20);
    assert_int_not_equal(access(lab->file, F_OK), 0);
    assert_int_not_equal(access(lab->state, F_OK), 0);
    assert_int_equal(hss_key_generate(&lab->crypto, &lab->random, &shape, &places, &progress, &key, NULL), 0);
    assert_int_equal(seen, 52);
    hss_key_free(key);
}

static void shapes_that_there_are_not_are_refused(void **state)
{
    static const struct hss_shape shapes[] = {
        { 32, 5, 8, 0 }, { 32, 5, 8, 9 }, { 32, 25, 8, 3 }, { 32, 6, 8, 1 }, { 32, 5, 3, 1 }, { 20, 5, 8, 1 },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++)
        assert_int_equal(hss_shape_check(&shapes[i], NULL), REFUSED_INVALID);
    assert_int_equal(hss_shape_check(&(struct hss_shape){ 24, 25, 8, 2 }, NULL), 0);
}

static void no_file_of_an_older_key_is_overwritten(void **state)
{
    struct lab *lab = *state;
    const struct hss_shape shape = { .n = 32, .height = 5, .width = 1, .levels = 1 };
    const struct hss_places places = { .file = lab->file };
    const char *const files[] = { lab->file, lab->state, lab->mark };
    struct hss_key *key = NULL;
    char text[8];

    for (unsigned i = 0; i < 3; i++) {
        lab_write(files[i], "mine", 4);
        assert_int_equal(hss_key_generate(&lab->crypto, &lab->random, &shape, &places, NULL, &key, NULL),
                         REFUSED_EXISTS);
        assert_int_equal(lab_read(files[i], text, sizeof(text)), 4);
        assert_int_equal(unlink(files[i]), 0);
    }
}

static void too_little_room_uses_no_one_time_key(void **state)
{
    struct lab *lab = *state;
    struct hss_key *key = lab_generate(lab, 32, 5, 8, 1);

    assert_int_equal(hss_key_sign(key, bytes_of_text("m"), lab->signature, 1295, &lab->size, NULL), REFUSED_TOO_LARGE);
    assert_int_equal(lab_sign(lab, key, "m"), 0);
    hss_key_free(key);
}

/* Durable records ------------------------------------------------------------------------------------------------- */

static void a_key_that_is_opened_again_goes_on_behind_its_reservation(void **state)
{
    struct lab *lab = *state;
    struct hss_key *key = lab_generate(lab, 24, 10, 1, 1);
    struct hss_about about;

    for (uint64_t i = 0; i < 4; i++) /* reserved: 1, 2, then 4 */
        assert_int_equal(lab_sign(lab, key, "m"), i);
    assert_int_equal(hss_key_about(key, &about), 0);
    assert_int_equal(about.reserved, 3);
    assert_int_equal(about.standing.state.next, 7);
    assert_int_equal(about.standing.left, 1017);
    assert_int_equal(about.standing.state.counter, 4);
    hss_key_free(key);
    key = lab_open(lab);
    assert_int_equal(lab_sign(lab, key, "m"), 7);
    hss_key_free(key);
}

static void a_state_from_a_backup_is_refused_until_a_person_says_how_far_to_skip(void **state)
{
    struct lab *lab = *state;
    struct hss_key *key = lab_generate(lab, 32, 5, 1, 1);
    uint8_t backup[8192];
    struct why why;

    lab_sign(lab, key, "m");
    size_t size = lab_read(lab->state, backup, sizeof(backup));
    for (unsigned i = 0; i < 5; i++)
        lab_sign(lab, key, "m");
    hss_key_free(key);
    lab_write(lab->state, backup, size);
    key = lab_open(lab);
    assert_int_equal(sign_refused(lab, key, &why), REFUSED_CONFLICT);
    assert_non_null(strstr(why.what, "restored from a backup"));
    assert_non_null(strstr(why.todo, "--to N, N at least 6"));
    assert_int_equal(hss_key_check(key, NULL), REFUSED_CONFLICT);
    assert_int_equal(hss_key_skip(key, 5, &why), REFUSED_INVALID);
    assert_int_equal(hss_key_skip(key, 33, &why), REFUSED_INVALID);
    assert_int_equal(sign_refused(lab, key, &why), REFUSED_CONFLICT);
    assert_int_equal(hss_key_skip(key, 9, &why), 0);
    assert_int_equal(hss_key_check(key, NULL), 0);
    assert_int_equal(lab_sign(lab, key, "m"), 9);
    hss_key_free(key);
}

static void a_mark_from_a_backup_is_refused(void **state)
{
    struct lab *lab = *state;
    struct hss_key *key = lab_generate(lab, 32, 5, 1, 1);
    uint8_t backup[8192];
    struct why why;

    size_t size = lab_read(lab->mark, backup, sizeof(backup));
    lab_sign(lab, key, "m");
    lab_sign(lab, key, "m");
    lab_write(lab->mark, backup, size);
    assert_int_equal(sign_refused(lab, key, &why), REFUSED_CONFLICT);
    assert_non_null(strstr(why.what, "mark of this key was restored"));
    assert_int_equal(hss_key_skip(key, 2, NULL), 0);
    assert_int_equal(lab_sign(lab, key, "m"), 2);
    hss_key_free(key);
}

static void missing_and_foreign_records_are_refused(void **state)
{
    struct lab *lab = *state;
    const char *const files[] = { lab->state, lab->mark };
    uint8_t foreign[8192];
    struct why why;

    struct hss_key *key = lab_generate(lab, 32, 5, 1, 1);
    for (unsigned i = 0; i < 9; i++) /* a counter above that of the other key */
        lab_sign(lab, key, "m");
    size_t size = lab_read(lab->state, foreign, sizeof(foreign));
    hss_key_free(key);
    unlink(lab->file), unlink(lab->state), unlink(lab->mark);
    key = lab_generate(lab, 32, 5, 1, 1);
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(unlink(files[i]), 0);
        assert_int_equal(sign_refused(lab, key, &why), REFUSED_CONFLICT);
        assert_string_equal(why.where, files[i]);
        lab_write(files[i], foreign, size);
        assert_int_equal(sign_refused(lab, key, &why), REFUSED_CONFLICT);
        assert_int_equal(hss_key_skip(key, 10 + i, NULL), 0);
        assert_int_equal(lab_sign(lab, key, "m"), 10 + i);
    }
    hss_key_free(key);
}

static void a_torn_write_of_either_record_loses_no_more_than_itself(void **state)
{
    struct lab *lab = *state;
    struct hss_key *key = lab_generate(lab, 32, 5, 1, 1);
    uint8_t file[8192];
    struct why why;

    lab_sign(lab, key, "m"); /* counter 2: the first place */
    size_t size = lab_read(lab->state, file, sizeof(file));
    lab_sign(lab, key, "m"); /* counter 3: the second */
    file[4096] ^= 1;         /* torn: the mark of this moment was not yet written */
    uint8_t mark[8192];
    size_t mark_size = lab_read(lab->mark, mark, sizeof(mark));
    lab_write(lab->state, file, size);
    assert_int_equal(sign_refused(lab, key, &why), REFUSED_CONFLICT); /* yet here the mark knows better */
    mark[4096] ^= 1;
    lab_write(lab->mark, mark, mark_size);
    assert_int_equal(hss_key_check(key, NULL), 0); /* both of them as before */
    hss_key_free(key);
}

static void the_mark_may_lie_behind_by_the_one_write_that_a_crash_prevents(void **state)
{
    struct lab *lab = *state;
    struct hss_key *key = lab_generate(lab, 32, 5, 1, 1);
    uint8_t before[8192];

    lab_sign(lab, key, "m");
    size_t size = lab_read(lab->mark, before, sizeof(before));
    lab_sign(lab, key, "m"); /* number 1 */
    lab_write(lab->mark, before, size);
    assert_int_equal(lab_sign(lab, key, "m"), 2);
    hss_key_free(key);
}

static void state_and_mark_may_be_elsewhere(void **state)
{
    struct lab *lab = *state;
    const struct hss_shape shape = { .n = 24, .height = 5, .width = 1, .levels = 1 };
    char own_state[96], own_mark[96], tree[112];
    const struct hss_places places = { .file = lab->file, .state = own_state, .mark = own_mark };
    struct hss_key *key = NULL;

    (void)snprintf(own_state, sizeof(own_state), "%s/a", lab->folder);
    (void)snprintf(own_mark, sizeof(own_mark), "%s/b", lab->folder);
    (void)snprintf(tree, sizeof(tree), "%s/a.tree0", lab->folder);
    assert_int_equal(hss_key_generate(&lab->crypto, &lab->random, &shape, &places, NULL, &key, NULL), 0);
    hss_key_free(key);
    key = lab_open(lab);
    assert_int_equal(lab_sign(lab, key, "m"), 0);
    assert_int_not_equal(access(lab->state, F_OK), 0);
    assert_int_not_equal(access(lab->mark, F_OK), 0);
    assert_int_equal(access(own_state, F_OK), 0);
    assert_int_equal(access(own_mark, F_OK), 0);
    assert_int_equal(access(tree, F_OK), 0);
    hss_key_free(key);
}

/* Processes ------------------------------------------------------------------------------------------------------- */

static void a_forked_child_has_no_key(void **state)
{
    struct lab *lab = *state;
    struct hss_key *key = lab_generate(lab, 24, 10, 1, 1);
    int status = 0;

    for (unsigned i = 0; i < 4; i++)
        lab_sign(lab, key, "m"); /* three are reserved beyond these */
    pid_t child = fork();
    if (child == 0)
        _exit(hss_key_sign(key, bytes_of_text("m"), lab->signature, sizeof(lab->signature), &lab->size, NULL) == -EPERM
                  ? 0
                  : 1);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_int_equal(lab_sign(lab, key, "m"), 4);
    hss_key_free(key);
}

enum { WRITERS = 4, EACH = 100 };

static void write_indexes(struct lab *lab, int fd)
{
    struct hss_key *key = lab_open(lab);

    for (unsigned i = 0; i < EACH; i++) {
        uint64_t index = lab_sign(lab, key, "m");
        if (write(fd, &index, sizeof(index)) != (ssize_t)sizeof(index))
            _exit(1);
        if (i % 10 == 9) { /* a new process as it were */
            hss_key_free(key);
            key = lab_open(lab);
        }
    }
    _exit(0);
}

static void processes_at_once_get_keys_of_their_own(void **state)
{
    struct lab *lab = *state;
    bool used[1024] = { false };
    uint64_t index, count = 0;
    int ends[2], status;

    hss_key_free(lab_generate(lab, 24, 10, 1, 1));
    assert_int_equal(pipe(ends), 0);
    for (unsigned i = 0; i < WRITERS; i++) {
        if (fork() == 0)
            write_indexes(lab, ends[1]);
    }
    close(ends[1]);
    while (read(ends[0], &index, sizeof(index)) == (ssize_t)sizeof(index)) {
        assert_true(index < 1024 && !used[index]);
        used[index] = true;
        count++;
    }
    close(ends[0]);
    for (unsigned i = 0; i < WRITERS; i++) {
        assert_true(wait(&status) > 0);
        assert_int_equal(status, 0);
    }
    assert_int_equal(count, WRITERS * EACH);
}

/* The cache ------------------------------------------------------------------------------------------------------- */

static void a_lost_or_damaged_cache_is_made_again(void **state)
{
    struct lab *lab = *state;
    struct hss_key *key = lab_generate(lab, 32, 5, 1, 2);
    uint8_t file[8192];

    lab_sign(lab, key, "m");
    hss_key_free(key);
    size_t size = lab_read(lab->tree, file, sizeof(file));
    assert_int_equal(size, 96 + 63 * 32);
    for (size_t at = 0; at < size; at += 191) {
        file[at] ^= 0x40;
        lab_write(lab->tree, file, size);
        file[at] ^= 0x40;
        key = lab_open(lab);
        lab_sign(lab, key, "m");
        hss_key_free(key);
    }
    assert_int_equal(unlink(lab->tree), 0);
    key = lab_open(lab);
    lab_sign(lab, key, "m");
    hss_key_free(key);
}

static void without_a_place_for_the_cache_it_is_in_memory(void **state)
{
    struct lab *lab = *state;
    struct hss_key *key = lab_generate(lab, 32, 5, 1, 1);

    hss_key_free(key);
    assert_int_equal(unlink(lab->tree), 0);
    assert_int_equal(mkdir(lab->tree, 0700), 0);
    key = lab_open(lab);
    lab_sign(lab, key, "m");
    hss_key_free(key);
}

/* A hash that errs once: the fault of a chip, or of an attacker who has it in hand. */
struct erring {
    struct proto_crypto real;
    uint64_t in;
};

static int erring_sha256(void *context, struct bytes data, uint8_t out[DIGEST_SIZE])
{
    struct erring *erring = context;

    int r = erring->real.sha256(erring->real.context, data, out);
    if (erring->in-- == 0)
        out[0] ^= 1;
    return r;
}

static void a_miscalculated_signature_does_not_leave(void **state)
{
    struct lab *lab = *state;
    struct hss_key *key = lab_generate(lab, 24, 5, 1, 2);
    struct erring erring = { .real = lab->crypto };
    struct hss_about about;
    char text[HSS_KEY_TEXT_SIZE];

    assert_int_equal(hss_key_about(key, &about), 0);
    hss_key_free(key);
    size_t size = lab_read(lab->file, text, sizeof(text));
    for (uint64_t in = 10; in < 60000; in += 977) {
        struct proto_crypto crypto = erring.real;
        struct hss_key *shaky = NULL;
        crypto.context = &erring;
        crypto.sha256 = erring_sha256;
        erring.in = in;
        if (hss_key_read(&crypto, bytes_view(text, size), lab->file, &shaky, NULL) != 0)
            continue;
        int r = hss_key_sign(shaky, bytes_of_text("m"), lab->signature, sizeof(lab->signature), &lab->size, NULL);
        struct bytes public = bytes_view(about.public.raw, about.public.size);
        struct bytes signature = bytes_view(lab->signature, lab->size);
        if (r == 0)
            assert_int_equal(hss_verify(&lab->crypto, public, bytes_of_text("m"), signature), 0);
        hss_key_free(shaky);
    }
}

/* As callbacks ---------------------------------------------------------------------------------------------------- */

static void a_signer_counts_down_and_keeps_the_words_of_its_refusal(void **state)
{
    struct lab *lab = *state;
    struct hss_key *key = lab_generate(lab, 24, 5, 8, 1);
    struct proto_signer signer;

    hss_key_signer(key, &signer);
    assert_int_equal(signer.key.type, KEY_HSS_LMS);
    assert_int_equal(signer.key.size, 52);
    for (uint64_t i = 0; i < 32; i++) {
        assert_int_equal(signer.left(signer.context), 32 - i);
        assert_int_equal(
            signer.sign(signer.context, bytes_of_text("m"), lab->signature, sizeof(lab->signature), &lab->size), 0);
    }
    assert_int_equal(signer.left(signer.context), 0);
    assert_int_equal(
        signer.sign(signer.context, bytes_of_text("m"), lab->signature, sizeof(lab->signature), &lab->size),
        -EKEYEXPIRED);
    assert_non_null(strstr(hss_key_last_refusal(key)->what, "are used"));
    unlink(lab->mark);
    assert_int_equal(
        signer.sign(signer.context, bytes_of_text("m"), lab->signature, sizeof(lab->signature), &lab->size), -ESTALE);
    hss_key_free(key);
}

int main(void)
{
#define OWN(test) cmocka_unit_test_setup_teardown(test, lab_setup, lab_teardown)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(signs_to_exhaustion_with_every_width_and_hash),
        OWN(two_levels_sign_a_thousand_times),
        OWN(trees_change_at_all_levels),
        OWN(a_tall_tree_is_signed_with_a_part_of_it_only),
        OWN(a_seed_of_the_rfc_gives_its_public_key),
        OWN(progress_is_told_and_may_end_it),
        cmocka_unit_test(shapes_that_there_are_not_are_refused),
        OWN(no_file_of_an_older_key_is_overwritten),
        OWN(too_little_room_uses_no_one_time_key),
        OWN(a_key_that_is_opened_again_goes_on_behind_its_reservation),
        OWN(a_state_from_a_backup_is_refused_until_a_person_says_how_far_to_skip),
        OWN(a_mark_from_a_backup_is_refused),
        OWN(missing_and_foreign_records_are_refused),
        OWN(a_torn_write_of_either_record_loses_no_more_than_itself),
        OWN(the_mark_may_lie_behind_by_the_one_write_that_a_crash_prevents),
        OWN(state_and_mark_may_be_elsewhere),
        OWN(a_forked_child_has_no_key),
        OWN(processes_at_once_get_keys_of_their_own),
        OWN(a_lost_or_damaged_cache_is_made_again),
        OWN(without_a_place_for_the_cache_it_is_in_memory),
        OWN(a_miscalculated_signature_does_not_leave),
        OWN(a_signer_counts_down_and_keeps_the_words_of_its_refusal),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
