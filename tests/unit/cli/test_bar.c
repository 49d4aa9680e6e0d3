#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "cli/bar.h"

static void cells_of(int64_t cap, int64_t unlocked, int64_t spent, size_t *out_spent, size_t *out_free)
{
    char bar[BAR_SIZE];

    bar_draw(cap, unlocked, spent, false, bar);
    assert_int_equal(strlen(bar), BAR_WIDTH);
    *out_spent = strspn(bar, "#");
    *out_free = strspn(bar + *out_spent, "-");
    assert_int_equal(strspn(bar + *out_spent + *out_free, "."), BAR_WIDTH - *out_spent - *out_free);
}

static void shows_what_is_spent_free_and_locked(void **state)
{
    static const struct {
        int64_t cap, unlocked, spent;
        size_t full, open;
    } cases[] = {
        { 100, 100, 0, 0, 40 },
        { 100, 100, 50, 20, 20 },
        { 100, 50, 25, 10, 10 },
        { 100, 100, 100, 40, 0 },
        { 1000000, 1000000, 1, 1, 39 }, /* something shows as something */
        { 1000000, 1000000, 999999, 39, 1 },
        { 0, 0, 0, 0, 0 },
        { 100, 100, 120, 40, 0 },
        { INT64_MAX, INT64_MAX, INT64_MAX / 2, 20, 20 },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        size_t full, open;
        cells_of(cases[i].cap, cases[i].unlocked, cases[i].spent, &full, &open);
        assert_int_equal(full, cases[i].full);
        assert_int_equal(open, cases[i].open);
    }
}

static void blocks_are_whole_characters(void **state)
{
    char bar[BAR_SIZE];

    (void)state;
    bar_draw(100, 50, 25, true, bar);
    assert_int_equal(strlen(bar), 20 * 3 + 20);
    assert_memory_equal(bar, "\xe2\x96\x88", 3);
    assert_string_equal(strchr(bar, '.'), "....................");
    bar_draw(100, 100, 100, true, bar);
    assert_int_equal(strlen(bar), BAR_SIZE - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shows_what_is_spent_free_and_locked),
        cmocka_unit_test(blocks_are_whole_characters),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
