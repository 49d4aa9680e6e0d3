/* What cost nothing in an export, and who paid for it. (That sums differ: the tests of whole exports.) */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "cli/ledger_export.h"

struct line {
    int id, tenant;
    const char *query, *selector, *from;
    int nrho, paid_by;
};

static size_t put(char *out, size_t size, const struct line *line)
{
    return (size_t)snprintf(
        out, size,
        "{\"kind\":\"charge\",\"id\":%d,\"cause\":\"%s\",\"cause_id\":%d,\"loss\":[%d,%d,0,false]}\n"
        "{\"kind\":\"release\",\"id\":%d,\"tenant_id\":%d,\"query\":\"%s\",\"sensor\":\"load\","
        "\"selector\":\"%s\",\"parameters\":\"{}\",\"mechanism\":\"laplace\",\"policy_version\":1,"
        "\"loss\":[%d,%d,0,false],\"answer\":\"{\\\"from\\\":\\\"%s\\\",\\\"paid_by\\\":%d}\"}\n",
        line->id, line->nrho > 0 ? "release" : "nothing", line->id, line->nrho, line->nrho, line->id, line->tenant,
        line->query, line->selector, line->nrho, line->nrho, line->from, line->paid_by);
}

/* The verdict's words on an export of a release that paid and this one; without a record, so that this is said last. */
static bool is_paid(const struct line *line)
{
    const struct line first = { 1, 1, "running-count", "a=b", "monday", 7, 1 };
    char text[4096];
    json_t *verdict;

    size_t size = put(text, sizeof(text), &first);
    size += put(text + size, sizeof(text) - size, line);
    assert_int_equal(export_count(bytes_view(text, size), &verdict), 0);
    const char *detail = json_string_value(json_object_get(verdict, "detail"));
    assert_non_null(detail);
    const bool paid = strcmp(detail, "the record has 0 releases, the ledger 2") == 0;
    assert_true(paid || strcmp(detail, "release 2 cost nothing, and nothing before it paid for it") == 0);
    json_decref(verdict);
    return paid;
}

static void what_cost_nothing_is_of_a_series_that_was_paid_before(void **state)
{
    static const struct line good[] = {
        { 2, 1, "running-count", "a=b", "monday", 0, 1 },
        { 2, 1, "running-count", "", "tuesday", 7, 2 },
        { 2, 2, "count", "", "monday", 7, 0 },
    };
    static const struct line bad[] = {
        { 2, 1, "count", "a=b", "monday", 0, 1 },         { 2, 1, "running-count", "a=b", "monday", 0, 0 },
        { 2, 1, "running-count", "a=b", "monday", 0, 2 }, { 2, 2, "running-count", "a=b", "monday", 0, 1 },
        { 2, 1, "running-count", "", "monday", 0, 1 },    { 2, 1, "running-count", "a=b", "tuesday", 0, 1 },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
        assert_true(is_paid(&good[i]));
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_false(is_paid(&bad[i]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_cost_nothing_is_of_a_series_that_was_paid_before),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
