#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "daemon/transport_coap/bodies.h"

static uint8_t bytes[64] = { 1, 2, 3 };

static int open_bodies(void **state)
{
    return bodies_new(3, 1000, (struct bodies **)state);
}

static int close_bodies(void **state)
{
    bodies_free(*state);
    return 0;
}

static struct request block(uint16_t port, uint32_t number, bool more)
{
    struct request request = { .peer = { .port = port },
                               .body_tag = 7,
                               .has_block1 = true,
                               .block1 = { .number = number, .more = more, .size_exponent = 2 },
                               .payload = { bytes, sizeof(bytes) } };
    return request;
}

static int take(struct bodies *bodies, struct request request, int64_t now_ms)
{
    struct bytes out = { NULL, 0 };
    int r = bodies_take(bodies, &request, now_ms, &out);

    if (r == BODIES_WHOLE)
        bodies_done(bodies, &request);
    return r;
}

static void uploads_of_two_peers_do_not_mix(void **state)
{
    assert_int_equal(take(*state, block(1, 0, true), 0), BODIES_CONTINUE);
    assert_int_equal(take(*state, block(2, 1, false), 0), BODIES_GAP);
    assert_int_equal(take(*state, block(1, 1, false), 0), BODIES_WHOLE);
    assert_int_equal(take(*state, block(1, 1, false), 0), BODIES_GAP);
}

static void uploads_with_two_request_tags_do_not_mix(void **state)
{
    struct request other = block(1, 1, false);

    other.body_tag = 8;
    assert_int_equal(take(*state, block(1, 0, true), 0), BODIES_CONTINUE);
    assert_int_equal(take(*state, other, 0), BODIES_GAP);
    assert_int_equal(take(*state, block(1, 1, false), 0), BODIES_WHOLE);
}

static void a_block_of_the_wrong_length_ends_the_upload(void **state)
{
    struct request shorter = block(1, 1, true);

    shorter.payload.size = 63;
    assert_int_equal(take(*state, block(1, 0, true), 0), BODIES_CONTINUE);
    assert_int_equal(take(*state, shorter, 0), BODIES_BAD_LENGTH);
    assert_int_equal(take(*state, block(1, 1, false), 0), BODIES_GAP);
}

static void a_repeated_block_must_be_the_same(void **state)
{
    uint8_t other[64] = { 9 };
    struct request changed = block(1, 0, true);

    assert_int_equal(take(*state, block(1, 0, true), 0), BODIES_CONTINUE);
    assert_int_equal(take(*state, block(1, 1, true), 0), BODIES_CONTINUE);
    assert_int_equal(take(*state, block(1, 1, true), 0), BODIES_CONTINUE);
    changed.block1.number = 1;
    changed.payload.data = other;
    assert_int_equal(take(*state, changed, 0), BODIES_GAP);
}

static void a_last_block_in_the_middle_of_what_came_is_a_gap(void **state)
{
    assert_int_equal(take(*state, block(1, 0, true), 0), BODIES_CONTINUE);
    assert_int_equal(take(*state, block(1, 1, true), 0), BODIES_CONTINUE);
    assert_int_equal(take(*state, block(1, 2, true), 0), BODIES_CONTINUE);
    assert_int_equal(take(*state, block(1, 1, false), 0), BODIES_GAP);
}

static void a_block_far_beyond_the_bound_is_too_large_at_once(void **state)
{
    assert_int_equal(take(*state, block(1, COAP_MSG_BLOCK_MAX, false), 0), BODIES_TOO_LARGE);
    assert_int_equal(take(*state, block(1, 15, true), 0), BODIES_TOO_LARGE);
}

static void a_full_table_gives_way_only_to_uploads_that_stand_still(void **state)
{
    for (uint16_t port = 1; port <= 3; port++)
        assert_int_equal(take(*state, block(port, 0, true), port), BODIES_CONTINUE);
    assert_int_equal(take(*state, block(4, 0, true), 100), BODIES_FULL);
    assert_int_equal(take(*state, block(1, 1, true), 4000), BODIES_CONTINUE);
    assert_int_equal(take(*state, block(4, 0, true), 2 + BODIES_YIELD_MS), BODIES_CONTINUE); /* in place of 2 */
    assert_int_equal(take(*state, block(2, 1, false), 2 + BODIES_YIELD_MS), BODIES_GAP);
    assert_int_equal(take(*state, block(1, 2, false), 2 + BODIES_YIELD_MS), BODIES_WHOLE);
}

static void an_upload_without_progress_is_forgotten(void **state)
{
    assert_int_equal(take(*state, block(1, 0, true), 0), BODIES_CONTINUE);
    assert_int_equal(bodies_expire(*state, BODIES_IDLE_MS - 1), 0);
    assert_int_equal(bodies_expire(*state, BODIES_IDLE_MS), 1);
    assert_int_equal(take(*state, block(1, 1, false), BODIES_IDLE_MS), BODIES_GAP);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, open_bodies, close_bodies)
    const struct CMUnitTest tests[] = {
        T(uploads_of_two_peers_do_not_mix),
        T(uploads_with_two_request_tags_do_not_mix),
        T(a_block_of_the_wrong_length_ends_the_upload),
        T(a_repeated_block_must_be_the_same),
        T(a_last_block_in_the_middle_of_what_came_is_a_gap),
        T(a_block_far_beyond_the_bound_is_too_large_at_once),
        T(a_full_table_gives_way_only_to_uploads_that_stand_still),
        T(an_upload_without_progress_is_forgotten),
    };
    return cmocka_run_group_tests_name("uploads in blocks", tests, NULL, NULL);
}
