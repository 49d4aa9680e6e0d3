#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "cli/client.h"
#include "run.h"
#include "server.h"

#define AT "--socket", SERVER_SOCKET

static int setup(void **state)
{
    static struct result result;

    folder_make();
    *state = &result;
    return 0;
}

static int teardown(void **state)
{
    result_deinit(*state);
    folder_remove();
    return 0;
}

static void serve(const char *first, const char *second)
{
    server_start((const char *const[]){ first, second, NULL });
}

static void a_list_follows_next_to_its_end(void **state)
{
    struct result *result = *state;

    serve(JSON_OK("{\"items\": [{\"name\": \"a\", \"id\": 1}, {\"name\": \"b\", \"id\": 2}], \"next\": 2}"),
          JSON_OK("{\"items\": [{\"name\": \"c\", \"id\": 3}], \"next\": null}"));
    run_ctl(result, AT, "-o", "json", "tenant", "list");
    assert_int_equal(server_stop(), 2);
    expect(result, EXIT_DONE, "\"c\"", NULL);
    json_t *all = json_loads(result->out, 0, NULL);
    assert_int_equal(json_array_size(json_object_get(all, "items")), 3);
    json_decref(all);
    assert_non_null(strstr(server_request(0), "GET /v1/tenants?limit=1000 HTTP/1.1\r\n"));
    assert_non_null(strstr(server_request(1), "GET /v1/tenants?limit=1000&after=2 HTTP/1.1\r\n"));
}

static void a_limit_stops_asking(void **state)
{
    struct result *result = *state;

    serve(JSON_OK("{\"items\": [{\"name\": \"a\"}, {\"name\": \"b\"}], \"next\": 2}"), NULL);
    run_ctl(result, AT, "tenant", "list", "--limit", "2");
    assert_int_equal(server_stop(), 1);
    expect(result, EXIT_DONE, "b", NULL);
    assert_non_null(strstr(server_request(0), "?limit=2 "));
}

static void a_problem_is_told_in_three_lines(void **state)
{
    struct result *result = *state;

    serve(reply_of("409 Conflict", "application/problem+json",
                   "{\"title\": \"conflict\", \"detail\": \"slot 0 is \\u001b[31mglobex's\", \"where\": \"slot\", "
                   "\"todo\": \"choose another slot\"}"),
          NULL);
    run_ctl(result, AT, "tenant", "create", "acme");
    server_stop();
    expect(result, EXIT_REFUSED, "",
           "tinypartctl: refused: slot 0 is  [31mglobex's\n  at:  slot\n  try: choose another slot\n");
    assert_string_equal(result->out, "");
}

static void a_problem_without_words_is_still_a_refusal(void **state)
{
    struct result *result = *state;

    serve(reply_of("403 Forbidden", "application/problem+json", "{\"title\": \"forbidden\"}"),
          reply_of("500 Internal Server Error", "text/html", "<html>"));
    run_ctl(result, AT, "tenant", "create", "acme");
    expect(result, EXIT_REFUSED, NULL, "refused: forbidden\n");
    run_ctl(result, AT, "tenant", "create", "acme");
    server_stop();
    expect(result, EXIT_REFUSED, NULL, "refused: the daemon answered 500\n");
}

static void nobody_at_the_socket_is_exit_code_3(void **state)
{
    struct result *result = *state;

    run_ctl(result, "--socket", "none.sock", "status");
    expect(result, EXIT_UNREACHABLE, NULL, "the daemon cannot be reached at none.sock: No such file or directory\n");
    expect(result, EXIT_UNREACHABLE, NULL, "try: systemctl status tinypartd, or name its socket with --socket PATH");
    setenv("TINYPART_SOCKET", "other.sock", 1);
    run_ctl(result, "status");
    unsetenv("TINYPART_SOCKET");
    expect(result, EXIT_UNREACHABLE, NULL, "at other.sock: ");
    run_ctl(result, "--url", "http://127.0.0.1:1/", "status");
    expect(result, EXIT_UNREACHABLE, NULL, "http://127.0.0.1:1 cannot be reached: ");
}

static void a_connection_that_breaks_is_exit_code_3(void **state)
{
    struct result *result = *state;

    serve("", "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{");
    run_ctl(result, AT, "status");
    expect(result, EXIT_UNREACHABLE, NULL, "cannot be reached");
    run_ctl(result, AT, "status");
    server_stop();
    expect(result, EXIT_UNREACHABLE, NULL, "cannot be reached");
}

static void an_empty_reply_is_fine_where_nothing_is_wanted(void **state)
{
    struct result *result = *state;

    serve("HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n",
          "HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n");
    run_ctl(result, AT, "device", "delete", "thermo-1");
    expect(result, EXIT_DONE, "device thermo-1 is deleted", NULL);
    run_ctl(result, AT, "-o", "json", "device", "delete", "thermo-1");
    server_stop();
    expect(result, EXIT_DONE, "", NULL);
    assert_string_equal(result->out, "");
    assert_non_null(strstr(server_request(0), "DELETE /v1/devices/thermo-1 HTTP/1.1\r\n"));
}

static void replies_that_make_no_sense_are_faults(void **state)
{
    struct result *result = *state;

    serve(JSON_OK("{\"items\": "), JSON_OK("{\"count\": 1}"));
    run_ctl(result, AT, "tenant", "list");
    expect(result, EXIT_FAULT, NULL, "the daemon's reply is no JSON");
    run_ctl(result, AT, "tenant", "list");
    server_stop();
    expect(result, EXIT_FAULT, NULL, "the daemon's reply is no list");
}

static void names_and_selectors_are_encoded(void **state)
{
    struct result *result = *state;

    serve(JSON_OK("{\"items\": [], \"next\": null}"), JSON_OK("{}"));
    run_ctl(result, AT, "device", "list", "-l", "site=lyon,floor in (1,2)");
    expect(result, EXIT_DONE, "none", NULL);
    run_ctl(result, AT, "device", "show", "../a b");
    server_stop();
    assert_non_null(
        strstr(server_request(0), "GET /v1/devices?selector=site%3Dlyon%2Cfloor%20in%20%281%2C2%29&limit="));
    assert_non_null(strstr(server_request(1), "GET /v1/devices/..%2Fa%20b HTTP/1.1\r\n"));
}

static void a_name_of_dots_is_no_way_up(void **state)
{
    struct result *result = *state;

    serve(JSON_OK("{}"), NULL);
    run_ctl(result, AT, "device", "delete", "..");
    server_stop();
    assert_non_null(strstr(server_request(0), "DELETE /v1/devices/.. HTTP/1.1\r\n"));
}

static void a_path_too_long_is_refused_here(void **state)
{
    struct result *result = *state;
    char name[1100];

    memset(name, 'a', sizeof(name) - 1);
    name[sizeof(name) - 1] = '\0';
    run_ctl(result, AT, "device", "show", name);
    expect(result, EXIT_USAGE, NULL, "is too long");
    /* One that fits exactly leaves no room for what stands behind it, which must not be lost in silence. */
    struct path path = path_of("/v1/devices/%s/labels", name + 1100 - 1 - 1011);
    assert_int_not_equal(path.fault, 0);
}

static void orders_are_json_with_their_types(void **state)
{
    struct result *result = *state;

    serve(JSON_OK("{\"id\": 7, \"state\": \"running\", \"steps\": {\"waiting\": 12}}"), NULL);
    run_ctl(result, AT, "rollout", "create", "--tenant", "acme", "--image", "thermo:1.2", "--selector", "site=lyon",
            "--slot", "1", "--deadline=90s");
    server_stop();
    expect(result, EXIT_DONE, "rollout 7 is ordered for 12 devices", NULL);
    const char *request = server_request(0);
    assert_non_null(strstr(request, "POST /v1/rollouts HTTP/1.1\r\n"));
    assert_non_null(strstr(request, "Content-Type: application/json\r\n"));
    assert_non_null(strstr(request,
                           "{\"image\":\"thermo\",\"version\":\"1.2\",\"slot\":1,\"tenant\":\"acme\",\"selector\":"
                           "\"site=lyon\",\"deadline_ms\":90000}"));
}

static void orders_without_a_body_claim_no_type(void **state)
{
    struct result *result = *state;

    serve(JSON_OK("{\"answer\": \"27.18\\u001b\\n\", \"looks_like_fault\": true}"), NULL);
    run_ctl(result, AT, "device", "run", "thermo-1", "0");
    server_stop();
    expect(result, EXIT_DONE, "27.18  \n", "answers so for a fault as well");
    assert_null(strcasestr(server_request(0), "Content-Type"));
    assert_non_null(strstr(server_request(0), "Content-Length: 0\r\n"));
}

static void the_token_travels_as_a_header(void **state)
{
    struct result *result = *state;

    file_write("token", "tp_secret\r\n", 11);
    serve(JSON_OK("{}"), JSON_OK("{}"));
    run_ctl(result, AT, "--token-file", "token", "budget", "show", "acme", "--epochs", "0");
    setenv("TINYPART_TOKEN", "tp_other", 1);
    run_ctl(result, AT, "budget", "show", "acme", "--epochs", "0");
    unsetenv("TINYPART_TOKEN");
    server_stop();
    assert_non_null(strstr(server_request(0), "\r\nAuthorization: Bearer tp_secret\r\n"));
    assert_non_null(strstr(server_request(1), "\r\nAuthorization: Bearer tp_other\r\n"));
}

static void a_sink_s_authorization_comes_from_a_file(void **state)
{
    struct result *result = *state;

    file_write("auth", "Bearer abc\n", 11);
    serve(JSON_OK("{}"), NULL);
    run_ctl(result, AT, "sink", "create", "cloud", "--tenant", "acme", "--kind", "http", "--url", "https://x/in",
            "--authorization-file", "auth");
    server_stop();
    expect(result, EXIT_DONE, "sink cloud is ready", NULL);
    assert_non_null(strstr(server_request(0), "\"authorization\":\"Bearer abc\""));
}

static void a_watched_rollout_that_left_devices_behind_is_exit_code_4(void **state)
{
    struct result *result = *state;

    serve(JSON_OK("{\"id\": 7, \"state\": \"done\", \"steps\": {\"installed\": 1, \"refused\": 1}}"),
          JSON_OK(
              "{\"items\": [{\"device\": \"a\", \"state\": \"installed\"}, {\"device\": \"b\", \"state\": \"refused\", "
              "\"reason\": \"refused: the device said so\"}], \"next\": null}"));
    run_ctl(result, AT, "rollout", "status", "7", "--watch");
    assert_int_equal(server_stop(), 2);
    expect(result, EXIT_UNFINISHED, "rollout 7 is over: 1 of 2 devices have the image\n", "done: 2 of 2 over");
    expect(result, EXIT_UNFINISHED, "refused: the device said so", NULL);
}

static void a_broken_audit_chain_is_a_refusal(void **state)
{
    struct result *result = *state;

    serve(JSON_OK("{\"holds\": true, \"entries\": 9}"), JSON_OK("{\"holds\": false, \"entries\": 9}"));
    run_ctl(result, AT, "audit", "verify");
    expect(result, EXIT_DONE, "holds                yes", NULL);
    run_ctl(result, AT, "audit", "verify");
    server_stop();
    expect(result, EXIT_REFUSED, "holds                no", NULL);
}

static void a_stored_answer_is_printed_byte_for_byte(void **state)
{
    struct result *result = *state;

    serve(JSON_OK("{\"value\":  \"3.10\"}\n "), NULL);
    run_ctl(result, AT, "release", "answer", "3");
    server_stop();
    expect(result, EXIT_DONE, NULL, NULL);
    assert_string_equal(result->out, "{\"value\":  \"3.10\"}\n ");
}

static void an_output_that_cannot_be_written_is_a_fault(void **state)
{
    struct result *result = *state;

    run_ctl(result, "--version");
    assert_int_equal(
        system(TINYPARTCTL " noise sample --mechanism laplace --scale 1 --count 9 >/dev/full 2>full.err") >> 8,
        EXIT_FAULT);
    char *said = file_read("full.err", NULL);
    assert_string_equal(said, "tinypartctl: the output cannot be written\n");
    free(said);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_list_follows_next_to_its_end),
        cmocka_unit_test(a_limit_stops_asking),
        cmocka_unit_test(a_problem_is_told_in_three_lines),
        cmocka_unit_test(a_problem_without_words_is_still_a_refusal),
        cmocka_unit_test(nobody_at_the_socket_is_exit_code_3),
        cmocka_unit_test(a_connection_that_breaks_is_exit_code_3),
        cmocka_unit_test(an_empty_reply_is_fine_where_nothing_is_wanted),
        cmocka_unit_test(replies_that_make_no_sense_are_faults),
        cmocka_unit_test(names_and_selectors_are_encoded),
        cmocka_unit_test(a_name_of_dots_is_no_way_up),
        cmocka_unit_test(a_path_too_long_is_refused_here),
        cmocka_unit_test(orders_are_json_with_their_types),
        cmocka_unit_test(orders_without_a_body_claim_no_type),
        cmocka_unit_test(the_token_travels_as_a_header),
        cmocka_unit_test(a_sink_s_authorization_comes_from_a_file),
        cmocka_unit_test(a_watched_rollout_that_left_devices_behind_is_exit_code_4),
        cmocka_unit_test(a_broken_audit_chain_is_a_refusal),
        cmocka_unit_test(a_stored_answer_is_printed_byte_for_byte),
        cmocka_unit_test(an_output_that_cannot_be_written_is_a_fault),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
