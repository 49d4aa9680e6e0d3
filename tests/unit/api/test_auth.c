/* Who calls, and that tenants cannot cross. */
#include "rest.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/api/server.h"

static void takes_its_own_user_for_the_owner(void **state)
{
    char name[32];
    json_t *status = expect(*state, 200, "GET", "/v1/status", NULL);
    const json_t *caller = json_object_get(status, "caller");

    snprintf(name, sizeof(name), "uid:%u", (unsigned)geteuid());
    assert_string_equal(text_of(caller, "name"), name);
    assert_string_equal(text_of(caller, "role"), "owner");
    assert_true(json_is_null(json_object_get(caller, "tenant")));
}

static void knows_users_by_the_table(void **state)
{
    struct rest *rest = *state;
    struct api_user users[3];
    struct caller caller;
    struct why why = { .what = "" };

    expect(rest, 201, "POST", "/v1/tenants", "{\"name\":\"acme\"}");
    assert_int_equal(api_user_parse("40000:auditor", &users[0], &why), 0);
    assert_int_equal(api_user_parse("40001:tenant:acme", &users[1], &why), 0);
    assert_int_equal(api_user_parse("40002:tenant:nobody", &users[2], &why), 0);
    rest->settings.users = users;
    rest->settings.user_count = 3;

    assert_int_equal(auth_user(rest->api, 40000, &caller, &why), 0);
    assert_int_equal(caller.role, ROLE_AUDITOR);
    assert_string_equal(caller.name, "uid:40000");
    assert_int_equal(auth_user(rest->api, 40001, &caller, &why), 0);
    assert_int_equal(caller.role, ROLE_TENANT);
    assert_true(caller.tenant_id > 0);
    assert_int_equal(auth_user(rest->api, 0, &caller, &why), 0);
    assert_int_equal(caller.role, ROLE_OWNER);
    assert_int_equal(auth_user(rest->api, 40002, &caller, &why), REFUSED_FORBIDDEN);
    assert_non_null(strstr(why.what, "nobody"));
    assert_int_equal(auth_user(rest->api, 40003, &caller, &why), REFUSED_FORBIDDEN);
    assert_non_null(strstr(why.what, "40003"));
}

/* Only root can call as somebody else; knows_users_by_the_table covers the same without a socket. */
static void tells_users_apart_by_what_the_kernel_says(void **state)
{
    struct rest *rest = *state;
    struct api_user user = { .uid = 40000, .role = ROLE_AUDITOR };

    if (geteuid() != 0)
        return;
    assert_int_equal(chmod(rest->folder, 0755), 0);
    rest->settings.unix_mode = 0666;
    rest->settings.users = &user;
    rest->settings.user_count = 1;
    rest_restart(rest);
    rest->connect_as = 40000;
    json_t *status = expect(rest, 200, "GET", "/v1/status", NULL);
    assert_string_equal(text_of(json_object_get(status, "caller"), "name"), "uid:40000");
    rest->connect_as = 40003;
    json_t *problem = expect_refusal(rest, 403, "forbidden", "GET", "/v1/status", NULL);
    assert_non_null(strstr(text_of(problem, "detail"), "40003"));
}

static void obeys_the_table_for_its_own_user_too(void **state)
{
    struct rest *rest = *state;
    struct api_user user = { .uid = geteuid(), .role = ROLE_AUDITOR };

    rest->settings.users = &user;
    rest->settings.user_count = 1;
    expect(rest, 200, "GET", "/v1/tenants", NULL);
    json_t *problem = expect_refusal(rest, 403, "forbidden", "POST", "/v1/tenants", "{\"name\":\"acme\"}");
    assert_non_null(strstr(text_of(problem, "detail"), "auditor"));
}

static void refuses_users_out_of_form(void **state)
{
    static const char *const texts[] = { "",
                                         "1000",
                                         "1000:",
                                         "1000:king",
                                         "x:owner",
                                         "-1:owner",
                                         "1000:owner:a",
                                         "1000:tenant",
                                         "1000:tenant:",
                                         "1000:tenant:A B",
                                         "4294967295:owner",
                                         "1000:tenant:a:b" };
    struct api_user user;
    struct why why;

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        assert_int_equal(api_user_parse(texts[i], &user, &why), REFUSED_INVALID);
}

static void asks_for_a_token_over_tcp(void **state)
{
    struct rest *rest = *state;
    char *token = token_for(rest, "auditor-1", "auditor", NULL);

    rest->over_tcp = true;
    expect_refusal(rest, 401, "unauthenticated", "GET", "/v1/version", NULL);
    assert_string_equal(header_of(rest, "WWW-Authenticate"), "Bearer realm=\"tinypart\"");
    expect_refusal(rest, 401, "unauthenticated", "GET", "/v1/no-such-route", NULL);
    rest->token = "tp_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    expect_refusal(rest, 401, "unauthenticated", "GET", "/v1/version", NULL);
    rest->token = "";
    expect_refusal(rest, 401, "unauthenticated", "GET", "/v1/version", NULL);
    rest->token = token;
    json_t *status = expect(rest, 200, "GET", "/v1/status", NULL);
    assert_string_equal(text_of(json_object_get(status, "caller"), "name"), "auditor-1");
    expect_refusal(rest, 403, "forbidden", "POST", "/v1/tenants", "{\"name\":\"acme\"}");
    free(token);
}

static void knows_no_other_scheme_than_bearer(void **state)
{
    struct rest *rest = *state;

    rest_raw(rest, bytes_of_text("GET /v1/version HTTP/1.1\r\nHost: a\r\nConnection: close\r\nAuthorization: Basic "
                                 "YTpi\r\n\r\n"));
    assert_int_equal(rest->seen.status, 401);
}

static void lets_a_token_speak_before_the_user(void **state)
{
    struct rest *rest = *state;
    char *token = token_for(rest, "auditor-1", "auditor", NULL);

    rest->token = token;
    expect_refusal(rest, 403, "forbidden", "POST", "/v1/tenants", "{\"name\":\"acme\"}");
    rest->token = NULL;
    expect(rest, 204, "DELETE", "/v1/tokens/auditor-1", NULL);
    rest->token = token;
    expect_refusal(rest, 401, "unauthenticated", "GET", "/v1/tenants", NULL);
    free(token);
}

static void ends_a_token_when_it_expires(void **state)
{
    struct rest *rest = *state;
    json_t *made = expect(rest, 201, "POST", "/v1/tokens",
                          "{\"name\":\"short\",\"role\":\"owner\",\"expires_at\":\"2026-11-21T09:00:00Z\"}");
    char *token = strdup(text_of(made, "token"));

    assert_string_equal(text_of(made, "expires_at"), "2026-11-21T09:00:00Z");
    rest->token = token;
    expect(rest, 200, "GET", "/v1/tenants", NULL);
    rest->now_ms += 3600000;
    expect_refusal(rest, 401, "unauthenticated", "GET", "/v1/tenants", NULL);
    free(token);
}

/* What every role may ask for, over all routes: 403 is said by the rules and by nobody else. */
static void asks_the_rules_for_every_role(void **state)
{
    static const struct {
        const char *role;
        const char *target;
        unsigned status;
    } table[] = {
        { "maintainer", "/v1/status", 200 },
        { "maintainer", "/v1/tokens", 403 },
        { "maintainer", "/v1/releases", 403 },
        { "maintainer", "/v1/audit", 403 },
        { "privacy-officer", "/v1/policies", 200 },
        { "privacy-officer", "/v1/audit/verify", 200 },
        { "privacy-officer", "/v1/images", 403 },
        { "privacy-officer", "/v1/rollouts", 403 },
        { "auditor", "/v1/audit", 200 },
        { "auditor", "/v1/privacy/export", 200 },
        { "maintainer", "/v1/privacy/export", 403 },
        { "auditor", "/v1/privacy/ledger/verify", 200 },
        { "maintainer", "/v1/privacy/ledger/verify", 403 },
        { "auditor", "/v1/sinks", 200 },
        { "auditor", "/v1/exports", 200 },
        { "auditor", "/v1/tokens", 403 },
    };
    struct rest *rest = *state;

    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        char name[16];
        snprintf(name, sizeof(name), "t%zu", i);
        char *token = token_for(rest, name, table[i].role, NULL);
        rest->token = token;
        if (table[i].status == 200)
            expect(rest, 200, "GET", table[i].target, NULL);
        else
            expect_refusal(rest, table[i].status, "forbidden", "GET", table[i].target, NULL);
        rest->token = NULL;
        free(token);
    }
}

static void fill_two_tenants(struct rest *rest)
{
    struct crypto_key *key = tenant_with_key(rest, "acme");
    struct buffer bundle = signed_bundle(rest, key, "thermo", "1.2");

    expect(rest, 201, "POST", "/v1/tenants", "{\"name\":\"rival\"}");
    rest->media = "application/octet-stream";
    rest_call_bytes(rest, "POST", "/v1/images?tenant=acme", buffer_view(&bundle));
    assert_int_equal(rest->seen.status, 201);
    rest->media = NULL;
    expect(rest, 201, "POST", "/v1/devices",
           "{\"name\":\"thermo-1\",\"profile\":\"riot-tinypart\",\"address\":\"coap://127.0.0.1:5683\",\"labels\":"
           "\"site=lyon\"}");
    expect(rest, 201, "POST", "/v1/grants",
           "{\"tenant\":\"acme\",\"selector\":\"site=lyon\",\"sensors\":[\"temperature\"],\"helpers\":[\"*\"],"
           "\"slots\":[\"0\"]}");
    expect(rest, 202, "POST", "/v1/rollouts",
           "{\"tenant\":\"acme\",\"image\":\"thermo\",\"version\":\"1.2\",\"selector\":\"site=lyon\",\"slot\":0}");
    expect(rest, 201, "POST", "/v1/sinks",
           "{\"tenant\":\"acme\",\"name\":\"archive\",\"kind\":\"file\",\"config\":{\"path\":\"a.jsonl\"}}");
    expect(rest, 200, "PUT", "/v1/budgets/acme", "{\"epsilon\":\"5\"}");
    expect(rest, 201, "POST", "/v1/policies", "{\"sensor\":\"temperature\",\"lower\":\"-20\",\"upper\":\"60\"}");
    expect(rest, 201, "POST", "/v1/releases",
           "{\"tenant\":\"acme\",\"query\":\"count\",\"sensor\":\"temperature\",\"epsilon\":\"0.1\"}");
    buffer_deinit(&bundle);
    crypto_key_free(key);
}

static void tenants_see_and_touch_only_their_own(void **state)
{
    static const char *const lists[] = { "/v1/devices",  "/v1/images", "/v1/grants", "/v1/rollouts",
                                         "/v1/releases", "/v1/sinks",  "/v1/exports" };
    static const struct {
        const char *method, *target, *body;
    } touches[] = {
        { "GET", "/v1/tenants/acme", NULL },
        { "GET", "/v1/tenants/acme/keys", NULL },
        { "GET", "/v1/devices/thermo-1", NULL },
        { "GET", "/v1/images/thermo/1.2", NULL },
        { "GET", "/v1/images/thermo/1.2?tenant=acme", NULL },
        { "GET", "/v1/grants/1", NULL },
        { "GET", "/v1/rollouts/1", NULL },
        { "GET", "/v1/rollouts/1/steps", NULL },
        { "POST", "/v1/rollouts/1/abort", NULL },
        { "POST", "/v1/rollouts",
          "{\"tenant\":\"acme\",\"image\":\"thermo\",\"version\":\"1.2\",\"selector\":\"\",\"slot\":0}" },
        { "GET", "/v1/releases/1", NULL },
        { "GET", "/v1/releases/1/answer", NULL },
        { "POST", "/v1/releases",
          "{\"tenant\":\"acme\",\"query\":\"count\",\"sensor\":\"temperature\",\"epsilon\":\"0.1\"}" },
        { "GET", "/v1/sinks/archive", NULL },
        { "GET", "/v1/sinks/archive?tenant=acme", NULL },
        { "DELETE", "/v1/sinks/archive?tenant=acme", NULL },
        { "GET", "/v1/budgets/acme", NULL },
    };
    struct rest *rest = *state;

    fill_two_tenants(rest);
    char *token = token_for(rest, "rival-ci", "tenant", "rival");
    rest->token = token;
    rest->over_tcp = true;
    for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
        assert_int_equal(json_array_size(json_object_get(expect(rest, 200, "GET", lists[i], NULL), "items")), 0);
    for (size_t i = 0; i < sizeof(touches) / sizeof(touches[0]); i++)
        expect_refusal(rest, 404, "unknown", touches[i].method, touches[i].target, touches[i].body);
    free(token);
    rest->over_tcp = false;

    token = token_for(rest, "acme-ci", "tenant", "acme");
    rest->token = token;
    for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
        assert_int_equal(json_array_size(json_object_get(expect(rest, 200, "GET", lists[i], NULL), "items")), 1);
    expect(rest, 200, "GET", "/v1/images/thermo/1.2", NULL);
    expect(rest, 200, "GET", "/v1/sinks/archive", NULL);
    expect_refusal(rest, 403, "forbidden", "GET", "/v1/status", NULL);
    expect_refusal(rest, 403, "forbidden", "GET", "/v1/audit", NULL);
    expect_refusal(rest, 403, "forbidden", "PUT", "/v1/budgets/acme", "{\"epsilon\":\"50\"}");
    free(token);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, rest_setup, rest_teardown)
    const struct CMUnitTest tests[] = {
        TEST(takes_its_own_user_for_the_owner),
        TEST(knows_users_by_the_table),
        TEST(tells_users_apart_by_what_the_kernel_says),
        TEST(obeys_the_table_for_its_own_user_too),
        TEST(refuses_users_out_of_form),
        TEST(asks_for_a_token_over_tcp),
        TEST(knows_no_other_scheme_than_bearer),
        TEST(lets_a_token_speak_before_the_user),
        TEST(ends_a_token_when_it_expires),
        TEST(asks_the_rules_for_every_role),
        TEST(tenants_see_and_touch_only_their_own),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
