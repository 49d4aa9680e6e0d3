#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/crypto_openssl/broken_random.h"
#include "daemon/crypto_openssl/random.h"

static struct crypto_random *source;
static struct proto_random port;

static int setup(void **state)
{
    (void)state;
    assert_int_equal(crypto_random_new(&source), 0);
    crypto_random_port(source, &port);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    crypto_random_free(source);
    crypto_random_free(NULL);
    return 0;
}

static void its_bits_are_balanced_and_its_bytes_all_there(void **state)
{
    static uint8_t bytes[1 << 20];
    unsigned counts[256] = { 0 };
    int64_t ones = 0;

    (void)state;
    assert_int_equal(port.fill(port.context, bytes, sizeof(bytes)), 0);
    for (size_t i = 0; i < sizeof(bytes); i++) {
        counts[bytes[i]]++;
        ones += __builtin_popcount(bytes[i]);
    }
    /* 2^23 bits: six deviations are 2896 x 3. 4096 of each byte: ten deviations are 640. Together missed by chance less
     * than once in 10^8 runs. */
    assert_true(llabs(ones - (1 << 22)) < 8689);
    for (unsigned i = 0; i < 256; i++)
        assert_in_range(counts[i], 4096 - 640, 4096 + 640);
}

static void it_is_seeded_anew_by_what_was_given_out(void **state)
{
    static uint8_t bytes[1 << 20];
    uint64_t before = crypto_random_numbers(source).reseeds;

    (void)state;
    for (size_t done = 0; done <= RANDOM_RESEED_BYTES; done += sizeof(bytes))
        assert_int_equal(port.fill(port.context, bytes, sizeof(bytes)), 0);
    assert_int_equal(crypto_random_numbers(source).reseeds, before + 1);
}

static void read_whole(int fd, uint8_t *out, size_t size)
{
    for (size_t done = 0; done < size;) {
        ssize_t part = read(fd, out + done, size - done);
        assert_true(part > 0);
        done += (size_t)part;
    }
}

static void a_child_never_gives_what_its_parent_gives(void **state)
{
    uint8_t mine[4096], others[2][4096];

    (void)state;
    port.fill(port.context, mine, 3); /* something is left in the buffer */
    for (unsigned child = 0; child < 2; child++) {
        int ends[2];
        assert_int_equal(pipe(ends), 0);
        pid_t pid = fork();
        if (pid == 0) {
            uint8_t bytes[4096];
            bool good = port.fill(port.context, bytes, sizeof(bytes)) == 0 &&
                        write(ends[1], bytes, sizeof(bytes)) == (ssize_t)sizeof(bytes);
            _exit(good ? 0 : 1);
        }
        int status = 0;
        close(ends[1]);
        read_whole(ends[0], others[child], sizeof(others[child]));
        close(ends[0]);
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_int_equal(status, 0);
    }
    assert_int_equal(port.fill(port.context, mine, sizeof(mine)), 0);
    for (size_t i = 0; i + 16 <= sizeof(mine); i += 16) {
        assert_null(memmem(others[0], sizeof(mine), mine + i, 16));
        assert_null(memmem(others[1], sizeof(mine), mine + i, 16));
        assert_null(memmem(others[1], sizeof(mine), others[0] + i, 16));
    }
}

enum { THREADS = 4, BLOCKS = 2000 };

static void *draw_blocks(void *out)
{
    uint8_t(*blocks)[16] = out;

    for (size_t i = 0; i < BLOCKS; i++)
        if (port.fill(port.context, blocks[i], 16) != 0)
            return out;
    return NULL;
}

static int compare_blocks(const void *a, const void *b)
{
    return memcmp(a, b, 16);
}

static void threads_never_share_a_byte(void **state)
{
    static uint8_t blocks[THREADS * BLOCKS][16];
    pthread_t threads[THREADS];

    (void)state;
    for (size_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, draw_blocks, blocks[i * BLOCKS]), 0);
    for (size_t i = 0; i < THREADS; i++) {
        void *failed;
        assert_int_equal(pthread_join(threads[i], &failed), 0);
        assert_null(failed);
    }
    qsort(blocks, THREADS * BLOCKS, 16, compare_blocks);
    for (size_t i = 1; i < THREADS * BLOCKS; i++)
        assert_int_not_equal(memcmp(blocks[i - 1], blocks[i], 16), 0);
}

static void a_broken_drbg_stops_it_for_good(void **state)
{
    static const enum breakage kinds[] = { BREAK_FAULT, BREAK_STUCK, BREAK_STUCK_LATER, BREAK_RESEED };

    (void)state;
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        struct proto_random broken;
        uint8_t bytes[64], zeros[64] = { 0 };
        int r = 0;

        broken_random_port(BREAK_NOT, &broken);
        assert_int_equal(broken.fill(broken.context, bytes, sizeof(bytes)), 0);
        broken_random_break(kinds[i]);
        for (unsigned turn = 0; r == 0 && turn < 2 * RANDOM_RESEED_BYTES / 64; turn++)
            r = broken.fill(broken.context, bytes, sizeof(bytes));
        assert_int_equal(r, -EIO);
        assert_memory_equal(bytes, zeros, sizeof(zeros));
        broken_random_break(BREAK_NOT); /* too late */
        assert_int_equal(broken.fill(broken.context, bytes, sizeof(bytes)), -EIO);
        broken_random_free();
    }
}

static void without_a_seed_there_is_no_source(void **state)
{
    (void)state;
    assert_int_equal(broken_random_new(BREAK_SEED), -EIO);
    assert_int_equal(broken_random_new(BREAK_FAULT), -EIO);
}

static void what_was_given_out_is_cleared(void **state)
{
    struct proto_random whole;
    uint8_t bytes[1000];

    (void)state;
    broken_random_port(BREAK_NOT, &whole);
    assert_int_equal(whole.fill(whole.context, bytes, sizeof(bytes)), 0);
    assert_true(broken_random_cleared(1000));
    assert_false(broken_random_cleared(2000));
    broken_random_free();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(its_bits_are_balanced_and_its_bytes_all_there),
        cmocka_unit_test(it_is_seeded_anew_by_what_was_given_out),
        cmocka_unit_test(a_child_never_gives_what_its_parent_gives),
        cmocka_unit_test(threads_never_share_a_byte),
        cmocka_unit_test(a_broken_drbg_stops_it_for_good),
        cmocka_unit_test(without_a_seed_there_is_no_source),
        cmocka_unit_test(what_was_given_out_is_cleared),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
