#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "daemon/transport_coap/duplicates.h"

#define CAPACITY 8

static int open_duplicates(void **state)
{
    return duplicates_new(CAPACITY, (struct duplicates **)state);
}

static int close_duplicates(void **state)
{
    duplicates_free(*state);
    return 0;
}

static struct request message(uint16_t port, uint16_t id)
{
    return (struct request){ .peer = { .port = port }, .id = id, .fingerprint = 5 };
}

static bool add(struct duplicates *duplicates, uint16_t port, uint16_t id, int64_t now_ms)
{
    struct request request = message(port, id);
    struct answer answer;

    answer_init(&answer, (uint8_t)id);
    answer.body_size = 2;
    answer.body[0] = (uint8_t)port;
    answer.body[1] = (uint8_t)id;
    return duplicates_add(duplicates, &request, now_ms, &answer);
}

static bool find(struct duplicates *duplicates, uint16_t port, uint16_t id, int64_t now_ms)
{
    struct request request = message(port, id);
    struct answer answer;

    if (!duplicates_find(duplicates, &request, now_ms, &answer))
        return false;
    assert_int_equal(answer.code, (uint8_t)id);
    assert_int_equal(answer.body_size, 2);
    assert_int_equal(answer.body[0], (uint8_t)port);
    return true;
}

static void an_answer_is_remembered_for_exchange_lifetime_and_no_longer(void **state)
{
    assert_false(add(*state, 1, 1, 1000));
    assert_true(find(*state, 1, 1, 1000));
    assert_true(find(*state, 1, 1, 1000 + DUPLICATES_LIFETIME_MS - 1));
    assert_false(find(*state, 1, 1, 1000 + DUPLICATES_LIFETIME_MS));
}

static void the_oldest_answer_goes_when_the_table_is_full_and_that_is_told(void **state)
{
    for (uint16_t id = 0; id < CAPACITY; id++)
        assert_false(add(*state, 1, id, 0));
    assert_true(add(*state, 2, 100, 0));
    assert_false(find(*state, 1, 0, 0));
    assert_true(find(*state, 1, 1, 0));
    assert_true(find(*state, 2, 100, 0));
    assert_false(add(*state, 2, 101, DUPLICATES_LIFETIME_MS)); /* the one it overwrites had expired */
}

static void chains_stay_whole_over_many_rounds(void **state)
{
    for (uint16_t i = 0; i < 1000; i++) {
        add(*state, (uint16_t)(i % 5), i, i);
        for (uint16_t back = 0; back < CAPACITY && back <= i; back++)
            assert_true(find(*state, (uint16_t)((i - back) % 5), (uint16_t)(i - back), i));
        if (i >= CAPACITY)
            assert_false(find(*state, (uint16_t)((i - CAPACITY) % 5), (uint16_t)(i - CAPACITY), i));
    }
}

static void an_answer_too_large_to_remember_keeps_its_code(void **state)
{
    struct request request = message(1, 1);
    struct answer answer, got;

    answer_init(&answer, 69);
    answer.body_size = DUPLICATES_BODY_MAX + 1;
    duplicates_add(*state, &request, 0, &answer);
    assert_true(duplicates_find(*state, &request, 0, &got));
    assert_int_equal(got.code, 69);
    assert_int_equal(got.body_size, 0);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, open_duplicates, close_duplicates)
    const struct CMUnitTest tests[] = {
        T(an_answer_is_remembered_for_exchange_lifetime_and_no_longer),
        T(the_oldest_answer_goes_when_the_table_is_full_and_that_is_told),
        T(chains_stay_whole_over_many_rounds),
        T(an_answer_too_large_to_remember_keeps_its_code),
    };
    return cmocka_run_group_tests_name("answers remembered", tests, NULL, NULL);
}
