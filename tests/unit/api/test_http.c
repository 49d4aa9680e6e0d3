/* What comes in over HTTP gets an answer in words, or a close; never anything else. */
#include "rest.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <errno.h>

static void says_which_methods_a_route_knows(void **state)
{
    expect_refusal(*state, 405, "method-not-allowed", "PATCH", "/v1/tenants", NULL);
    assert_string_equal(header_of(*state, "Allow"), "GET, HEAD, POST");
    expect_refusal(*state, 405, "method-not-allowed", "OPTIONS", "/v1/status", NULL);
    assert_string_equal(header_of(*state, "Allow"), "GET, HEAD");
    expect_refusal(*state, 405, "method-not-allowed", "GET", "/v1/rollouts/1/pause", NULL);
    assert_string_equal(header_of(*state, "Allow"), "POST");
}

static void answers_head_without_a_body(void **state)
{
    struct rest *rest = *state;

    rest_call(rest, "HEAD", "/v1/version", NULL);
    assert_int_equal(rest->seen.status, 200);
    assert_int_equal(rest->seen.body_size, 0);
    assert_string_equal(header_of(rest, "Content-Type"), "application/json");
    assert_string_equal(header_of(rest, "Cache-Control"), "no-store");
    assert_string_equal(header_of(rest, "X-Content-Type-Options"), "nosniff");
}

static void refuses_targets_that_are_no_route(void **state)
{
    static const char *const targets[] = {
        "/", "/v1", "/v1/", "/v2/tenants", "/v1/tenant", "/v1/tenants/", "/v1/a/b/c/d/e/f/g/h/i/j", "//v1/tenants"
    };

    for (size_t i = 0; i < sizeof(targets) / sizeof(targets[0]); i++)
        expect_refusal(*state, 404, "unknown", "GET", targets[i], NULL);
}

static void refuses_targets_out_of_form(void **state)
{
    static const char *const targets[] = {
        "/v1/tenants/a%00b",
        "/v1/tenants/a%2fb",
        "/v1/tenants/a%2Fb",
        "/v1/tenants/%zz",
        "/v1/tenants/%4",
        "/v1/tenants/%",
        "/v1/tenants/a%0ab",
        "/v1/tenants/a%7f",
        "/v1/tenants?limit=%00",
        "/v1/tenants?limit=1&limit=2",
        "/v1/tenants?page=1",
        "/v1/tenants?limit=0",
        "/v1/tenants?limit=1001",
        "/v1/tenants?limit=ten",
        "/v1/tenants?after=-1",
        "/v1/tenants?limit",
        "/v1/tenants?after=99999999999999999999",
        "/v1/tenants?lim=1",
        "/v1/tenants?%20=1",
        "/v1/tenants?=1",
        "/v1/devices?state=gone",
        "/v1/devices?a=1&b=1&c=1&d=1&e=1&f=1&g=1&h=1&i=1",
    };

    for (size_t i = 0; i < sizeof(targets) / sizeof(targets[0]); i++)
        expect_refusal(*state, 400, "invalid", "GET", targets[i], NULL);
}

static void decodes_names_and_query_values(void **state)
{
    expect(*state, 201, "POST", "/v1/tenants", "{\"name\":\"acme\"}");
    expect(*state, 200, "GET", "/v1/%74enants/%61cme", NULL);
    expect(*state, 200, "GET", "http://localhost/v1/tenants/acme", NULL);
    expect(*state, 200, "GET", "/v1/devices?selector=site+in+(lyon%2Cparis)&limit=5&", NULL);
    expect_refusal(*state, 400, "invalid", "GET", "/v1/devices?selector=site+in", NULL);
}

static void takes_json_only_where_json_is_wanted(void **state)
{
    struct rest *rest = *state;

    rest->media = "text/plain";
    expect_refusal(rest, 415, "unsupported-media-type", "POST", "/v1/tenants", "{\"name\":\"acme\"}");
    expect_refusal(rest, 415, "unsupported-media-type", "POST", "/v1/images", "x");
    rest->media = "application/jsonp";
    expect_refusal(rest, 415, "unsupported-media-type", "POST", "/v1/tenants", "{\"name\":\"acme\"}");
    rest->media = "Application/JSON; charset=utf-8";
    expect(rest, 201, "POST", "/v1/tenants", "{\"name\":\"acme\"}");
    rest->media = NULL;
    expect_refusal(rest, 415, "unsupported-media-type", "POST", "/v1/tenants", NULL);
}

static void answers_in_json_or_not_at_all(void **state)
{
    struct rest *rest = *state;

    rest->accept = "text/html";
    expect_refusal(rest, 406, "not-acceptable", "GET", "/v1/version", NULL);
    rest->accept = "text/html, application/*;q=0.5";
    expect(rest, 200, "GET", "/v1/version", NULL);
    rest->accept = "*/*";
    expect(rest, 200, "GET", "/v1/version", NULL);
    rest->accept = "application/problem+json";
    expect(rest, 200, "GET", "/v1/version", NULL);
}

static void refuses_json_that_is_none_with_its_position(void **state)
{
    json_t *problem = expect_refusal(*state, 400, "invalid", "POST", "/v1/tenants", "{\"name\":\n \"acme\",}");

    assert_non_null(strstr(text_of(problem, "detail"), "line 2"));
    expect_refusal(*state, 400, "invalid", "POST", "/v1/tenants", "");
    expect_refusal(*state, 400, "invalid", "POST", "/v1/tenants", "[]");
    expect_refusal(*state, 400, "invalid", "POST", "/v1/tenants", "{\"name\":\"a\"} x");
    expect_refusal(*state, 400, "invalid", "POST", "/v1/tenants", "{\"name\":\"a\",\"name\":\"b\"}");
    expect_refusal(*state, 400, "invalid", "POST", "/v1/tenants", "{\"name\":\"a\\u0000b\"}");
    rest_call_bytes(*state, "POST", "/v1/tenants", bytes_view("{\"name\":\"\xff\xfe\"}", 13));
    assert_int_equal(((struct rest *)*state)->seen.status, 400);
}

static void refuses_unknown_members_by_name(void **state)
{
    json_t *problem = expect_refusal(*state, 400, "invalid", "POST", "/v1/tenants", "{\"name\":\"a\",\"nmae\":1}");

    assert_string_equal(text_of(problem, "where"), "nmae");
    assert_non_null(strstr(text_of(problem, "todo"), "name"));
    problem = expect_refusal(*state, 400, "invalid", "POST", "/v1/tenants", "{}");
    assert_string_equal(text_of(problem, "where"), "name");
}

static void refuses_json_nested_without_end(void **state)
{
    char *deep = malloc(60001);

    memset(deep, '[', 60000);
    deep[60000] = '\0';
    expect_refusal(*state, 400, "invalid", "POST", "/v1/tenants", deep);
    free(deep);
}

static void refuses_bodies_over_the_bound(void **state)
{
    struct rest *rest = *state;
    size_t size = 300000;
    char *large = calloc(1, size + 1);

    memset(large, ' ', size);
    large[65536] = '\0';
    expect_refusal(rest, 400, "invalid", "POST", "/v1/tenants", large);
    large[65536] = ' ';
    large[65537] = '\0';
    expect_refusal(rest, 413, "too-large", "POST", "/v1/tenants", large);
    large[65537] = ' ';
    expect_refusal(rest, 413, "too-large", "POST", "/v1/tenants", large);
    rest->media = "application/octet-stream";
    expect_refusal(rest, 413, "too-large", "POST", "/v1/images?tenant=acme", large);
    free(large);
}

static void refuses_chunks_over_the_bound(void **state)
{
    struct rest *rest = *state;
    struct buffer request;

    buffer_init(&request, 1u << 20);
    buffer_text(&request, "POST /v1/tenants HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Type: "
                          "application/json\r\nTransfer-Encoding: chunked\r\n\r\n");
    for (int i = 0; i < 20; i++) {
        buffer_text(&request, "2000\r\n");
        for (int k = 0; k < 0x2000; k++)
            buffer_append(&request, " ", 1);
        buffer_text(&request, "\r\n");
    }
    buffer_text(&request, "0\r\n\r\n");
    rest_raw(rest, buffer_view(&request));
    assert_int_equal(rest->seen.status, 413);
    buffer_deinit(&request);
}

static void takes_a_chunked_body(void **state)
{
    struct rest *rest = *state;

    rest_raw(rest,
             bytes_of_text("POST /v1/tenants HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Type: "
                           "application/json\r\nTransfer-Encoding: chunked\r\n\r\n8\r\n{\"name\":\r\n7\r\n\"acme\"}"
                           "\r\n0\r\n\r\n"));
    assert_int_equal(rest->seen.status, 201);
}

static void answers_at_once_where_the_client_waits_to_send(void **state)
{
    struct rest *rest = *state;

    rest_raw(rest, bytes_of_text("POST /v1/tenants HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Type: "
                                 "application/json\r\nContent-Length: 900000\r\nExpect: 100-continue\r\n\r\n"));
    assert_int_equal(rest->seen.status, 413);
    rest_raw(rest, bytes_of_text("POST /v1/tenants HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
                                 "Content-Length: 90000000000\r\n\r\n"));
    assert_int_equal(rest->seen.status, 413);
}

static void refuses_a_body_where_none_belongs(void **state)
{
    expect_refusal(*state, 400, "invalid", "GET", "/v1/tenants", "{}");
    expect_refusal(*state, 400, "invalid", "POST", "/v1/rollouts/1/pause", "{}");
    expect_refusal(*state, 404, "unknown", "POST", "/v1/rollouts/1/pause", "");
}

static void answers_garbage_or_closes(void **state)
{
    static const char *const garbage[] = {
        "\r\n\r\n\r\n",
        "GET\r\n\r\n",
        "GET /v1/version\r\n\r\n",
        "GET /v1/version HTTP/9.9\r\n\r\n",
        "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        "GET /v1/version HTTP/1.1\r\nHost: a\r\nno colon\r\n\r\n",
        "GET /v1/version HTTP/1.1\r\nHost: a\r\nContent-Length: -5\r\n\r\n",
        "POST /v1/tenants HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nTransfer-Encoding: "
        "chunked\r\n\r\nZZ\r\n",
        "POST /v1/tenants HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 50\r\n\r\n{",
        "GET http:// HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
        "GET * HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
        "GET \x80\xff HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
    };
    struct rest *rest = *state;

    for (size_t i = 0; i < sizeof(garbage) / sizeof(garbage[0]); i++) {
        unsigned status = rest_garbage(rest, bytes_of_text(garbage[i]));
        assert_true(status == 0 || status >= 400);
    }
}

/* Every byte at every place of a good request, from a fixed seed: the daemon stands. */
static void survives_requests_with_flipped_bytes(void **state)
{
    static const char good[] = "POST /v1/tenants?limit=1 HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Type: "
                               "application/json\r\nContent-Length: 16\r\n\r\n{\"name\":\"acme2\"}";
    struct rest *rest = *state;
    uint32_t seed = 20261121;

    for (int round = 0; round < 600; round++) {
        char bad[sizeof(good)];
        memcpy(bad, good, sizeof(good));
        seed = seed * 1664525u + 1013904223u;
        bad[(seed >> 8) % (sizeof(good) - 1)] = (char)(seed >> 24);
        rest_garbage(rest, bytes_view(bad, sizeof(good) - 1));
    }
}

static void refuses_headers_over_the_bound(void **state)
{
    struct rest *rest = *state;
    struct buffer request;

    buffer_init(&request, 1u << 20);
    buffer_text(&request, "GET /v1/version HTTP/1.1\r\nHost: a\r\nConnection: close\r\n");
    for (int i = 0; i < 2000; i++)
        buffer_format(&request, "X-Filler-%d: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n", i);
    buffer_text(&request, "\r\n");
    rest_raw(rest, buffer_view(&request));
    assert_true(rest->seen.status == 0 || rest->seen.status == 431 || rest->seen.status == 413);
    buffer_deinit(&request);
    expect(rest, 200, "GET", "/v1/version", NULL);
}

static void serves_several_requests_on_one_connection(void **state)
{
    struct rest *rest = *state;
    static const char two[] = "GET /v1/version HTTP/1.1\r\nHost: a\r\n\r\n"
                              "GET /v1/tenants HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";

    rest_raw(rest, bytes_of_text(two));
    assert_int_equal(rest->seen.status, 200);
    assert_non_null(strstr(rest->seen.body, "HTTP/1.1 200"));
    assert_non_null(strstr(rest->seen.body, "\"items\":[]"));
}

static void tells_the_wiring_what_changed(void **state)
{
    struct rest *rest = *state;

    expect(rest, 200, "GET", "/v1/tenants", NULL);
    assert_int_equal(rest->changes, 0);
    expect(rest, 201, "POST", "/v1/tenants", "{\"name\":\"acme\"}");
    assert_int_equal(rest->changes, 1);
    expect_refusal(rest, 409, "exists", "POST", "/v1/tenants", "{\"name\":\"acme\"}");
    assert_int_equal(rest->changes, 1);
}

/* A store that fails: the client learns that it failed, and nothing of the inside. */
static int fail_list(struct store *store, int64_t tenant_id, struct page page,
                     int (*each)(void *context, const struct tenant *row), void *context)
{
    (void)store;
    (void)tenant_id;
    (void)page;
    (void)each;
    (void)context;
    return -EIO;
}

static void hides_the_inside_of_a_fault(void **state)
{
    struct rest *rest = *state;

    rest->core.store->tenant_each = fail_list;
    json_t *problem = expect_refusal(rest, 500, "fault", "GET", "/v1/tenants", NULL);
    assert_null(strstr(text_of(problem, "detail"), "Input"));
    assert_null(json_object_get(problem, "where"));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, rest_setup, rest_teardown)
    const struct CMUnitTest tests[] = {
        TEST(says_which_methods_a_route_knows),
        TEST(answers_head_without_a_body),
        TEST(refuses_targets_that_are_no_route),
        TEST(refuses_targets_out_of_form),
        TEST(decodes_names_and_query_values),
        TEST(takes_json_only_where_json_is_wanted),
        TEST(answers_in_json_or_not_at_all),
        TEST(refuses_json_that_is_none_with_its_position),
        TEST(refuses_unknown_members_by_name),
        TEST(refuses_json_nested_without_end),
        TEST(refuses_bodies_over_the_bound),
        TEST(refuses_chunks_over_the_bound),
        TEST(takes_a_chunked_body),
        TEST(answers_at_once_where_the_client_waits_to_send),
        TEST(refuses_a_body_where_none_belongs),
        TEST(answers_garbage_or_closes),
        TEST(survives_requests_with_flipped_bytes),
        TEST(refuses_headers_over_the_bound),
        TEST(serves_several_requests_on_one_connection),
        TEST(tells_the_wiring_what_changed),
        TEST(hides_the_inside_of_a_fault),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
