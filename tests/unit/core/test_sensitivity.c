/* What one device may change of the truth, before any noise: seen where nobody else sees it. */
#include "tests/unit/core/lab.h"

#include <stdlib.h>

#include "daemon/core/release_internal.h"

/* The true cells of an order, before noise; asked_deinit() is the caller's. */
static void cells_of(struct lab *lab, const struct release_order *order, struct asked *out)
{
    struct release replay;
    bool is_replay;

    memset(out, 0, sizeof(*out));
    lab->world->clock.now_ms += 1;
    assert_int_equal(
        asked_read(lab->core, &lab->acme->tenant, order, lab->world->clock.now_ms, out, &replay, &is_replay, &lab->why),
        0);
    assert_int_equal(asked_check(lab->core, out, &lab->why), 0);
    assert_int_equal(parameters_read(order, out, &lab->why), 0);
    assert_int_equal(asked_cohort(lab->core, out, &lab->why), 0);
    assert_int_equal(asked_noise(out, &lab->why), 0);
    assert_int_equal(asked_totals(lab->core, out), 0);
}

/* How far two answers' cells are apart, from one cell up to but without another. */
static int64_t distance(const struct asked *one, const struct asked *other, size_t from, size_t to)
{
    int64_t sum = 0;

    for (size_t i = from; i < to; i++)
        sum += llabs(one->cells[i] - other->cells[i]);
    return sum;
}

/* Bins and categories share one loss: together they may move by the contributions. Each level of a tree has a loss of
 * its own. */
static void one_device_epoch_moves_all_cells_together_by_its_contributions(void **state)
{
    struct lab *lab = *state;
    static struct asked without, with;
    static const int64_t loud[] = { INT64_MAX, INT64_MIN, 100, 200, 300, 6050, -2000, 0, 1999, 100 };
    const struct release_order orders[] = {
        { .query = "histogram", .edges = "-20,0,20,60.5", .sensor = "temperature", .loss.ueps = EPSILON },
        { .query = "quantiles", .at = "0.5", .sensor = "temperature", .loss.ueps = EPSILON },
        { .query = "top", .categories = "1,2,3", .sensor = "temperature", .loss.ueps = EPSILON },
        { .query = "top", .by = "site", .categories = "rome,lyon", .sensor = "temperature", .loss.ueps = EPSILON }
    };
    struct device quiet = lab_device(lab, "quiet"), other = lab_device(lab, "other");

    lab_reading(lab, &quiet, 100);
    for (size_t i = 0; i < sizeof(orders) / sizeof(orders[0]); i++) {
        lab_sql(lab, "DELETE FROM reading WHERE device_id = (SELECT id FROM device WHERE name = 'other')");
        cells_of(lab, &orders[i], &without);
        for (size_t j = 0; j < sizeof(loud) / sizeof(loud[0]); j++) {
            lab_reading(lab, &other, loud[j]);
            cells_of(lab, &orders[i], &with);
            if (without.query != QUERY_QUANTILES)
                assert_true(distance(&without, &with, 0, with.cell_count) <= lab->policy.contributions);
            for (unsigned level = 1; without.query == QUERY_QUANTILES && level <= TREE_LEVELS; level++)
                assert_true(distance(&without, &with, (1u << level) - 2, (2u << level) - 2) <=
                            lab->policy.contributions);
            asked_deinit(&with);
        }
        asked_deinit(&without);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LAB_TEST(one_device_epoch_moves_all_cells_together_by_its_contributions),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
