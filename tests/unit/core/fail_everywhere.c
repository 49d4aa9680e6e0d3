#include "tests/unit/core/fail_everywhere.h"

#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

static struct store original;
static int failing_at;

#define FAILING(verb, parameters, arguments) \
    static int failing_##verb parameters     \
    {                                        \
        if (--failing_at == 0)               \
            return -EIO;                     \
        return original.verb arguments;      \
    }
FAILING(commit, (struct store * s), (s))
FAILING(fact_raise, (struct store * s, const char *n, int64_t v, int64_t *o), (s, n, v, o))
FAILING(profile_by_name, (struct store * s, const char *n, struct profile *p), (s, n, p))
FAILING(release_insert, (struct store * s, struct release *r, const uint8_t h[DIGEST_SIZE]), (s, r, h))
FAILING(release_answer, (struct store * s, int64_t id, const char *a, size_t n), (s, id, a, n))
FAILING(charge, (struct store * s, const struct charge *c, struct charge_refused *o), (s, c, o))
FAILING(budget_standing, (struct store * s, int64_t t, int64_t e, struct charge_standing *o), (s, t, e, o))
FAILING(audit_insert, (struct store * s, const struct audit_entry *e), (s, e))
FAILING(outbox_insert, (struct store * s, struct outbox_row *r, struct bytes b), (s, r, b))
FAILING(reading_aggregate, (struct store * s, const struct aggregate_query *q, struct aggregate *o), (s, q, o))
FAILING(reading_reports,
        (struct store * s, const struct aggregate_query *q, int (*e)(void *, const struct reading_report *), void *c),
        (s, q, e, c))
FAILING(reading_steps,
        (struct store * s, const struct aggregate_query *q, int64_t t, int (*e)(void *, const struct step_count *),
         void *c),
        (s, q, t, e, c))
FAILING(running_insert, (struct store * s, struct running_series *r, const struct cohort *c), (s, r, c))
FAILING(running_get, (struct store * s, struct running_series *r), (s, r))
FAILING(running_cohort, (struct store * s, int64_t id, struct cohort *o), (s, id, o))
FAILING(running_departed, (struct store * s, int64_t id, int (*e)(void *, const struct departure *), void *c),
        (s, id, e, c))
FAILING(running_sum_insert, (struct store * s, int64_t id, const struct running_sum *n), (s, id, n))
FAILING(running_sum_each, (struct store * s, int64_t id, int (*e)(void *, const struct running_sum *), void *c),
        (s, id, e, c))
FAILING(vector_each,
        (struct store * s, const struct aggregate_query *q, int (*e)(void *, const struct vector_place *), void *c),
        (s, q, e, c))
FAILING(vector_read, (struct store * s, int64_t i, uint8_t *o, size_t c, size_t *n), (s, i, o, c, n))
FAILING(vector_insert, (struct store * s, const struct vector *v, int64_t m), (s, v, m))

static void let_fail(struct store *store)
{
    store->commit = failing_commit;
    store->fact_raise = failing_fact_raise;
    store->profile_by_name = failing_profile_by_name;
    store->release_insert = failing_release_insert;
    store->release_answer = failing_release_answer;
    store->charge = failing_charge;
    store->budget_standing = failing_budget_standing;
    store->audit_insert = failing_audit_insert;
    store->outbox_insert = failing_outbox_insert;
    store->reading_aggregate = failing_reading_aggregate;
    store->reading_reports = failing_reading_reports;
    store->reading_steps = failing_reading_steps;
    store->running_insert = failing_running_insert;
    store->running_get = failing_running_get;
    store->running_cohort = failing_running_cohort;
    store->running_departed = failing_running_departed;
    store->running_sum_insert = failing_running_sum_insert;
    store->running_sum_each = failing_running_sum_each;
    store->vector_each = failing_vector_each;
    store->vector_read = failing_vector_read;
    store->vector_insert = failing_vector_insert;
}

int fail_everywhere(struct lab *lab, fail_deed deed, void *context)
{
    struct store *store = lab->world->store;
    uint8_t before[DIGEST_SIZE], after[DIGEST_SIZE];
    int steps = 0, r;

    lab_fingerprint(lab, before);
    original = *store;
    do {
        failing_at = ++steps;
        let_fail(store);
        r = deed(lab, context);
        *store = original;
        if (r != 0) {
            assert_int_equal(r, -EIO);
            lab_fingerprint(lab, after);
            assert_memory_equal(before, after, DIGEST_SIZE);
        }
    } while (r != 0);
    return steps - 1;
}

struct releasing {
    const struct release_order *order;
    struct release *out;
};

static int release_once(struct lab *lab, void *context)
{
    const struct releasing *releasing = context;

    return release_create(lab->core, &lab->acme->caller, releasing->order, releasing->out, &lab->why);
}

int fail_everywhere_release(struct lab *lab, const struct release_order *order, struct release *out)
{
    struct releasing releasing = { order, out };

    return fail_everywhere(lab, release_once, &releasing);
}

static int nothing_random(void *context, uint8_t *out, size_t size)
{
    (void)context;
    memset(out, 0, size);
    return -EIO;
}

const struct proto_random no_random = { NULL, nothing_random };
