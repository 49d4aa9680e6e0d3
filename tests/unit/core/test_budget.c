#include "tests/unit/core/lab.h"

#include "daemon/core/filter_cap.h"
#include "daemon/core/ledger.h"

#define DAY 86400000LL

static struct budget budget_of(struct lab *lab, const struct world_tenant *tenant)
{
    struct budget budget;

    assert_int_equal(budget_get(lab->core, &lab->world->owner, tenant->tenant.name, &budget, &lab->why), 0);
    return budget;
}

static void the_first_cap_holds_for_all_epochs(void **state)
{
    struct lab *lab = *state;
    struct budget budget = budget_of(lab, lab->acme);

    assert_int_equal(budget.cap.ueps, 5 * EPSILON);
    assert_int_equal(budget.next_cap.ueps, 5 * EPSILON);
    assert_int_equal(budget.spent.ueps, 0);
    assert_int_equal(budget.epoch, WORLD_START_MS / DAY);
    assert_int_equal(budget.renews_ms, (WORLD_START_MS / DAY + 1) * DAY);
    assert_int_equal(budget.filter_cap.ueps, 10 * EPSILON);
    assert_string_equal(budget.tenant, "acme");
}

static void a_rise_waits_for_the_next_epoch(void **state)
{
    struct lab *lab = *state;

    lab_budget(lab, lab->acme, 7 * EPSILON);
    assert_int_equal(budget_of(lab, lab->acme).cap.ueps, 5 * EPSILON);
    assert_int_equal(budget_of(lab, lab->acme).next_cap.ueps, 7 * EPSILON);
    lab->world->clock.now_ms += DAY;
    assert_int_equal(budget_of(lab, lab->acme).cap.ueps, 7 * EPSILON);
}

static void a_fall_holds_at_once_and_takes_back_a_rise_that_waits(void **state)
{
    struct lab *lab = *state;

    lab_budget(lab, lab->acme, 7 * EPSILON);
    lab_budget(lab, lab->acme, 2 * EPSILON);
    assert_int_equal(budget_of(lab, lab->acme).cap.ueps, 2 * EPSILON);
    assert_int_equal(budget_of(lab, lab->acme).next_cap.ueps, 2 * EPSILON);
}

static void a_fall_below_what_is_spent_leaves_nothing_and_takes_nothing_back(void **state)
{
    struct lab *lab = *state;
    struct release release;

    lab_device(lab, "thermo-1");
    lab_release(lab, lab->acme, "count", 3 * EPSILON, NULL);
    lab_budget(lab, lab->acme, EPSILON);
    assert_int_equal(budget_of(lab, lab->acme).spent.ueps, 3 * EPSILON);
    assert_int_equal(lab_ask(lab, lab->acme, "count", 1, NULL, &release), REFUSED_EXHAUSTED);
    lab->world->clock.now_ms += DAY;
    lab_release(lab, lab->acme, "count", EPSILON, NULL);
    assert_int_equal(lab_ask(lab, lab->acme, "count", 1, NULL, &release), REFUSED_EXHAUSTED);
}

static void a_cap_of_zero_closes_the_data_of_past_epochs_too(void **state)
{
    struct lab *lab = *state;
    struct release release;
    struct release_order yesterday = { .query = "count", .sensor = "temperature", .loss.ueps = 1 };

    lab_device(lab, "thermo-1");
    lab->world->clock.now_ms += DAY;
    yesterday.from_ms = WORLD_START_MS;
    yesterday.to_ms = WORLD_START_MS + 1000;
    assert_int_equal(release_create(lab->core, &lab->acme->caller, &yesterday, &release, &lab->why), 0);
    lab_budget(lab, lab->acme, 0);
    yesterday.to_ms++;
    assert_int_equal(release_create(lab->core, &lab->acme->caller, &yesterday, &release, &lab->why), REFUSED_EXHAUSTED);
    assert_int_equal(lab_ask(lab, lab->acme, "count", 1, NULL, &release), REFUSED_EXHAUSTED);
}

static void a_rise_opens_nothing_more_in_past_epochs(void **state)
{
    struct lab *lab = *state;
    struct charge_standing standing;

    lab_budget(lab, lab->acme, 9 * EPSILON);
    lab->world->clock.now_ms += DAY;
    int64_t present = ledger_epoch(lab->core, lab->world->clock.now_ms);
    assert_int_equal(ledger_budget(lab->core, lab->acme->tenant.id, present - 1, lab->world->clock.now_ms, &standing),
                     0);
    assert_int_equal(standing.cap.ueps, 5 * EPSILON);
    assert_int_equal(ledger_budget(lab->core, lab->acme->tenant.id, present, lab->world->clock.now_ms, &standing), 0);
    assert_int_equal(standing.cap.ueps, 9 * EPSILON);
}

/* I2, I5 */
static void is_spent_to_the_last_unit_and_not_one_beyond(void **state)
{
    struct lab *lab = *state;
    struct release release;

    lab_device(lab, "thermo-1");
    lab_release(lab, lab->acme, "count", 5 * EPSILON - 1, NULL);
    assert_int_equal(lab_ask(lab, lab->acme, "count", 2, NULL, &release), REFUSED_EXHAUSTED);
    assert_string_equal(lab->why.where, "tenant");
    assert_string_equal(
        lab->why.what,
        "the budget of tenant acme for epoch 2025-10-09 has spent 4.999999 of 5 epsilon and this asks 0.000002 "
        "more; data of the next epoch, from 2025-10-10T00:00:00Z on, has its own");
    lab_release(lab, lab->acme, "count", 1, NULL);
    assert_int_equal(lab_ask(lab, lab->acme, "count", 1, NULL, &release), REFUSED_EXHAUSTED);
    assert_int_equal(lab_spent(lab, lab->acme), 5 * EPSILON);
    lab->world->clock.now_ms += DAY;
    assert_int_equal(lab_spent(lab, lab->acme), 0);
    lab_release(lab, lab->acme, "count", 1, NULL);
}

/* The ledger's time never goes back: an epoch that was spent does not open again. */
static void a_clock_set_back_opens_no_epoch_again(void **state)
{
    struct lab *lab = *state;
    int64_t before_ms, after_ms;
    struct release release;

    lab_device(lab, "thermo-1");
    lab->world->clock.now_ms += DAY;
    lab_release(lab, lab->acme, "count", 5 * EPSILON, NULL);
    assert_int_equal(ledger_peek_ms(lab->core, &before_ms), 0);
    lab->world->clock.now_ms -= 40 * DAY;
    world_restart(lab->world);
    assert_int_equal(ledger_peek_ms(lab->core, &after_ms), 0);
    assert_int_equal(after_ms, before_ms);
    assert_int_equal(lab_spent(lab, lab->acme), 5 * EPSILON);
    assert_int_equal(lab_ask(lab, lab->acme, "count", 1, NULL, &release), REFUSED_EXHAUSTED);
    /* a clock that jumps ahead and comes back leaves it where it was ahead */
    lab->world->clock.now_ms += 400 * DAY;
    lab_release(lab, lab->acme, "count", 1, NULL);
    assert_int_equal(ledger_peek_ms(lab->core, &before_ms), 0);
    lab->world->clock.now_ms -= 300 * DAY;
    assert_int_equal(ledger_peek_ms(lab->core, &after_ms), 0);
    assert_int_equal(after_ms, before_ms);
}

/* I7 */
static void without_a_budget_nothing_is_released(void **state)
{
    struct lab *lab = *state;
    struct world_tenant *poor = world_tenant(lab->world, "poor");
    struct release release;
    struct budget budget;

    world_grant(lab->world, poor, "");
    lab_device(lab, "thermo-1");
    assert_int_equal(lab_ask(lab, poor, "count", 1, NULL, &release), REFUSED_EXHAUSTED);
    assert_string_equal(lab->why.what, "tenant poor has no budget, so nothing can be released to it");
    assert_int_equal(budget_get(lab->core, &poor->caller, NULL, &budget, &lab->why), REFUSED_UNKNOWN);
    assert_int_equal(lab_number(lab, "SELECT count(*) FROM charge"), 0);
}

/* I4 */
static void a_ledger_that_does_not_add_up_stops_what_charges_and_says_so(void **state)
{
    struct lab *lab = *state;
    struct release first, release;

    lab_device(lab, "thermo-1");
    first = lab_release(lab, lab->acme, "count", EPSILON, "r1");
    lab->ledger_is_broken = true;
    lab_sql(lab, "UPDATE filter SET cells = CAST(substr(cells, 1, 7) || x'ff' || substr(cells, 9) AS BLOB)");
    assert_int_equal(ledger_check(lab->core, &lab->why), REFUSED_CONFLICT);
    assert_non_null(strstr(lab->why.what, "filters of devices"));
    core_stop(lab->core);
    assert_int_equal(core_start(lab->core, &lab->why), 0);
    assert_true(lab->core->ledger_broken);
    assert_int_equal(lab_ask(lab, lab->acme, "count", 1, NULL, &release), REFUSED_CONFLICT);
    assert_string_equal(lab->why.where, "ledger");
    /* what was answered costs nothing to say again */
    assert_int_equal(lab_ask(lab, lab->acme, "count", EPSILON, "r1", &release), 0);
    assert_string_equal(release.answer, first.answer);
}

static void is_set_by_owner_and_privacy_officer_and_seen_by_its_own_tenant(void **state)
{
    struct lab *lab = *state;
    const struct budget_order one = { .epsilon = "1" }, negative = { .epsilon = "-1" }, huge = { .epsilon = "1000001" };
    struct budget budget;

    assert_int_equal(budget_set(lab->core, &lab->acme->caller, "acme", &one, &budget, NULL), REFUSED_FORBIDDEN);
    assert_int_equal(budget_set(lab->core, &lab->world->keeper, "acme", &one, &budget, NULL), REFUSED_FORBIDDEN);
    assert_int_equal(budget_set(lab->core, &lab->world->owner, "nobody", &one, &budget, NULL), REFUSED_UNKNOWN);
    assert_int_equal(budget_set(lab->core, &lab->world->owner, "acme", &negative, &budget, NULL), REFUSED_INVALID);
    assert_int_equal(budget_set(lab->core, &lab->world->owner, "acme", &huge, &budget, NULL), REFUSED_INVALID);
    assert_int_equal(budget_get(lab->core, &lab->acme->caller, "beta", &budget, NULL), REFUSED_UNKNOWN); /* I8 */
}

/* ---- currencies, reserves, unlocking ---- */

static int order_budget(struct lab *lab, const struct world_tenant *tenant, const struct budget_order *order)
{
    struct budget budget;

    return budget_set(lab->core, &lab->world->privacy_officer, tenant->tenant.name, order, &budget, &lab->why);
}

static void a_rise_holds_at_once_only_for_a_reason_that_is_recorded(void **state)
{
    struct lab *lab = *state;
    const struct budget_order silent = { .epsilon = "7", .now = true };
    const struct budget_order order = { .epsilon = "7", .now = true, .reason = "an outage" };

    lab_device(lab, "thermo-1");
    lab_release(lab, lab->acme, "count", 5 * EPSILON, NULL);
    assert_int_equal(order_budget(lab, lab->acme, &silent), REFUSED_INVALID);
    assert_string_equal(lab->why.where, "reason");
    assert_int_equal(order_budget(lab, lab->acme, &order), 0);
    assert_int_equal(budget_of(lab, lab->acme).cap.ueps, 7 * EPSILON);
    assert_int_equal(lab_number(lab, "SELECT count(*) FROM audit WHERE action = 'budget.set'"
                                     " AND detail LIKE '%\"now_because\":\"an outage\"%'"),
                     1);
    lab_release(lab, lab->acme, "count", 2 * EPSILON, NULL);
}

static void a_raised_filter_holds_at_once_only_for_a_reason_that_is_recorded(void **state)
{
    struct lab *lab = *state;
    const struct caller *officer = &lab->world->privacy_officer;
    struct loss_caps caps;

    lab_device(lab, "thermo-1");
    lab->core->settings.filter_cap.ueps = 2 * EPSILON;
    assert_int_equal(filter_cap_raise(lab->core, officer, "early", &caps, &lab->why), REFUSED_CONFLICT); /* none yet */
    lab_release(lab, lab->acme, "count", 2 * EPSILON, NULL);
    lab->core->settings.filter_cap.ueps = 3 * EPSILON; /* as if started again with another configuration */
    assert_int_equal(lab_ask(lab, lab->acme, "count", EPSILON, "more", NULL), REFUSED_EXHAUSTED);
    assert_int_equal(filter_cap_raise(lab->core, officer, "", &caps, &lab->why), REFUSED_INVALID);
    assert_int_equal(filter_cap_raise(lab->core, &lab->acme->caller, "mine", &caps, &lab->why), REFUSED_FORBIDDEN);
    assert_int_equal(filter_cap_raise(lab->core, officer, "the board agreed", &caps, &lab->why), 0);
    assert_int_equal(caps.ueps, 3 * EPSILON);
    lab_release(lab, lab->acme, "count", EPSILON, NULL);
    assert_int_equal(filter_cap_raise(lab->core, officer, "again", &caps, &lab->why), REFUSED_CONFLICT);
    assert_int_equal(lab_number(lab, "SELECT count(*) FROM audit WHERE action = 'filter.raise'"
                                     " AND detail LIKE '%\"now_because\":\"the board agreed\"%'"),
                     1);
}

static void another_configured_cap_goes_on_record_once(void **state)
{
    struct lab *lab = *state;

    assert_int_equal(filter_cap_note(lab->core), 0);
    lab->core->settings.filter_cap.ueps += 1;
    assert_int_equal(filter_cap_note(lab->core), 0);
    assert_int_equal(filter_cap_note(lab->core), 0);
    assert_int_equal(lab_number(lab, "SELECT count(*) FROM audit WHERE action = 'filter.setting'"), 1);
}

static void what_an_order_leaves_out_stays_as_it_is(void **state)
{
    struct lab *lab = *state;
    const struct budget_order first = { .rho = "0.5", .delta = "1e-9", .reserve_epsilon = "1", .unlock = "20" };
    const struct budget_order second = { .epsilon = "4" };

    assert_int_equal(order_budget(lab, lab->acme, &first), 0);
    assert_int_equal(order_budget(lab, lab->acme, &second), 0);
    struct budget budget = budget_of(lab, lab->acme);
    assert_int_equal(budget.next_cap.ueps, 4 * EPSILON);
    assert_int_equal(budget.next_cap.nrho, 500000000);
    assert_false(budget.next_cap.pure_only);
    assert_true(budget.cap.pure_only); /* letting Gaussian noise in is a rise */
    assert_int_equal(budget.cap.nrho, 500000000);
    assert_int_equal(budget.next_cap.delta, 18446744073); /* 10^-9 of 2^64, rounded down */
    assert_int_equal(budget.next_reserve.ueps, EPSILON);
    assert_int_equal(budget.reserve.ueps, 0); /* the epoch has begun */
    assert_int_equal(budget.next_unlock_ppm, 200000);
    assert_int_equal(budget.unlock_ppm, 200000); /* less is free: at once */
}

static void orders_out_of_bounds_are_refused_by_name(void **state)
{
    struct lab *lab = *state;
    const struct {
        struct budget_order order;
        const char *where;
    } cases[] = {
        { { .rho = "-1" }, "rho" },
        { { .rho = "some" }, "rho" },
        { { .delta = "2" }, "delta" },
        { { .unlock = "101" }, "unlock" },
        { { .reserve_epsilon = "x" }, "reserve_epsilon" },
        { { .reserve_epsilon = "10.000001" }, "reserve" }, /* a device's filter has 10 */
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_int_equal(order_budget(lab, lab->acme, &cases[i].order), REFUSED_INVALID);
        assert_string_equal(lab->why.where, cases[i].where);
    }
    const struct budget_order most = { .reserve_epsilon = "6" }, too_much = { .reserve_epsilon = "4.000001" };
    assert_int_equal(order_budget(lab, lab->acme, &most), 0);
    assert_int_equal(order_budget(lab, lab->beta, &too_much), REFUSED_INVALID);
    assert_non_null(strstr(lab->why.what, "have 6 of 10 epsilon reserved"));
}

static void a_reserve_is_there_whatever_others_take(void **state)
{
    struct lab *lab = *state;
    const struct budget_order mine = { .reserve_epsilon = "2" };
    struct release release;

    lab->core->settings.filter_cap.ueps = 5 * EPSILON;
    lab_device(lab, "thermo-1");
    assert_int_equal(order_budget(lab, lab->acme, &mine), 0);
    lab->world->clock.now_ms += DAY;
    lab_release(lab, lab->beta, "count", 3 * EPSILON, NULL);
    assert_int_equal(lab_ask(lab, lab->beta, "count", 1, NULL, &release), REFUSED_EXHAUSTED);
    lab_release(lab, lab->acme, "count", 2 * EPSILON, NULL);
    assert_int_equal(lab_ask(lab, lab->acme, "count", 1, NULL, &release), REFUSED_EXHAUSTED);
    assert_int_equal(ledger_check(lab->core, &lab->why), 0);
}

/* What beta is told while acme's reserve is untouched, and after acme took all of it, is the same to the letter. */
static void a_refusal_does_not_tell_what_others_took_of_their_reserves(void **state)
{
    struct lab *lab = *state;
    const struct budget_order mine = { .reserve_epsilon = "2" };
    struct release release;
    char before[sizeof(lab->why.what)];

    lab->core->settings.filter_cap.ueps = 5 * EPSILON;
    lab_device(lab, "thermo-1");
    assert_int_equal(order_budget(lab, lab->acme, &mine), 0);
    lab->world->clock.now_ms += DAY;
    lab_release(lab, lab->beta, "count", 3 * EPSILON - 5, NULL);
    assert_int_equal(lab_ask(lab, lab->beta, "count", 6, NULL, &release), REFUSED_EXHAUSTED);
    strcpy(before, lab->why.what);
    lab_release(lab, lab->acme, "count", 2 * EPSILON, NULL);
    assert_int_equal(lab_ask(lab, lab->beta, "count", 6, NULL, &release), REFUSED_EXHAUSTED);
    assert_string_equal(lab->why.what, before);
    lab_release(lab, lab->beta, "count", 5, NULL); /* and what is its own to take is there all the same */
}

static void a_cap_is_unlocked_evenly_over_the_epoch(void **state)
{
    struct lab *lab = *state;
    const struct budget_order slowly = { .epsilon = "4", .unlock = "25" };
    struct release release;

    lab_device(lab, "thermo-1");
    assert_int_equal(order_budget(lab, lab->acme, &slowly), 0);
    lab->world->clock.now_ms = (WORLD_START_MS / DAY + 1) * DAY;
    assert_int_equal(budget_of(lab, lab->acme).unlocked.ueps, EPSILON);
    assert_int_equal(lab_ask(lab, lab->acme, "count", EPSILON + 100000, NULL, &release), REFUSED_EXHAUSTED);
    lab_release(lab, lab->acme, "count", EPSILON, NULL);
    lab->world->clock.now_ms = (WORLD_START_MS / DAY + 1) * DAY + DAY / 3;
    assert_int_equal(budget_of(lab, lab->acme).unlocked.ueps, 2 * EPSILON);
    lab->world->clock.now_ms = (WORLD_START_MS / DAY + 2) * DAY - 1;
    assert_int_equal(budget_of(lab, lab->acme).unlocked.ueps, 3999999); /* rounded down */
    lab->world->clock.now_ms += DAY;                                    /* the day before is all free now */
    struct release_order yesterday = { .query = "count", .sensor = "temperature", .loss.ueps = 3 * EPSILON };
    yesterday.to_ms = (WORLD_START_MS / DAY + 2) * DAY;
    yesterday.from_ms = yesterday.to_ms - 1000;
    assert_int_equal(release_create(lab->core, &lab->acme->caller, &yesterday, &release, &lab->why), 0);
}

static void the_pool_is_unlocked_evenly_over_the_epoch(void **state)
{
    struct lab *lab = *state;
    struct release release;

    lab_device(lab, "thermo-1");
    lab->core->settings.pool_unlock_ppm = 0;
    lab->core->settings.filter_cap.ueps = 2 * EPSILON;
    lab->world->clock.now_ms = (WORLD_START_MS / DAY + 1) * DAY + DAY / 2;
    assert_int_equal(lab_ask(lab, lab->acme, "count", EPSILON + 1000, NULL, &release), REFUSED_EXHAUSTED);
    lab_release(lab, lab->acme, "count", EPSILON, NULL);
    lab->world->clock.now_ms += DAY / 4;
    lab_release(lab, lab->acme, "count", EPSILON / 2, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LAB_TEST(the_first_cap_holds_for_all_epochs),
        LAB_TEST(a_rise_waits_for_the_next_epoch),
        LAB_TEST(a_fall_holds_at_once_and_takes_back_a_rise_that_waits),
        LAB_TEST(a_fall_below_what_is_spent_leaves_nothing_and_takes_nothing_back),
        LAB_TEST(a_cap_of_zero_closes_the_data_of_past_epochs_too),
        LAB_TEST(a_rise_opens_nothing_more_in_past_epochs),
        LAB_TEST(is_spent_to_the_last_unit_and_not_one_beyond),
        LAB_TEST(a_clock_set_back_opens_no_epoch_again),
        LAB_TEST(without_a_budget_nothing_is_released),
        LAB_TEST(a_ledger_that_does_not_add_up_stops_what_charges_and_says_so),
        LAB_TEST(is_set_by_owner_and_privacy_officer_and_seen_by_its_own_tenant),
        LAB_TEST(a_rise_holds_at_once_only_for_a_reason_that_is_recorded),
        LAB_TEST(a_raised_filter_holds_at_once_only_for_a_reason_that_is_recorded),
        LAB_TEST(another_configured_cap_goes_on_record_once),
        LAB_TEST(what_an_order_leaves_out_stays_as_it_is),
        LAB_TEST(orders_out_of_bounds_are_refused_by_name),
        LAB_TEST(a_reserve_is_there_whatever_others_take),
        LAB_TEST(a_refusal_does_not_tell_what_others_took_of_their_reserves),
        LAB_TEST(a_cap_is_unlocked_evenly_over_the_epoch),
        LAB_TEST(the_pool_is_unlocked_evenly_over_the_epoch),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
