#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/base/config.h"

static void defaults_are_those_of_the_table(void **state)
{
    (void)state;
    struct config config;

    config_init(&config);
    assert_string_equal(config.coap_listen, "[::]:5683");
    assert_int_equal(config.privacy_epoch_ms, 86400000);
    assert_int_equal(config.privacy_device_cap_ueps, 1000000);
    assert_int_equal(config.rest_socket_mode, 0660);
    assert_false(config.lab_claim_by_itself);
}

static int read_text(const char *text, struct config *config, struct why *why)
{
    char path[] = "/tmp/tinypart-config-XXXXXX";
    int fd = mkstemp(path);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
    int r = config_read_file(config, path, why);
    unlink(path);
    return r;
}

static void reads_a_file_over_the_defaults(void **state)
{
    (void)state;
    struct config config;
    struct why why;

    config_init(&config);
    assert_int_equal(
        read_text("# lab\n[privacy]\ndevice_cap = 2.5\nepoch = 1h\n[lab]\nclaim_by_itself = yes\n", &config, &why), 0);
    assert_int_equal(config.privacy_device_cap_ueps, 2500000);
    assert_int_equal(config.privacy_epoch_ms, 3600000);
    assert_true(config.lab_claim_by_itself);
    assert_string_equal(config.coap_listen, "[::]:5683");
}

static void names_the_line_that_it_refuses(void **state)
{
    (void)state;
    struct config config;
    struct why why;

    config_init(&config);
    assert_int_equal(read_text("[privacy]\nepoch = 1h\ndevice_cap = much\n", &config, &why), REFUSED_INVALID);
    assert_non_null(strstr(why.where, "line 3"));
    assert_non_null(strstr(why.what, "device_cap"));
    assert_int_equal(read_text("[coap]\nport = 5683\n", &config, &why), REFUSED_INVALID);
    assert_non_null(strstr(why.what, "there is no setting coap.port"));
    assert_int_equal(read_text("[coap]\nnonsense\n", &config, &why), REFUSED_INVALID);
    assert_int_equal(config_read_file(&config, "/nonexistent/tinypart.conf", &why), REFUSED_UNKNOWN);
}

/* inih alone would let the rest of a long line, or an indented one, replace the value before it. */
static void takes_no_part_of_a_value_for_the_whole(void **state)
{
    (void)state;
    struct config config;
    struct why why;
    char text[600] = "[rest]\nroles = ";

    config_init(&config);
    for (int i = 0; i < 30; i++)
        strcat(text, "1000:owner,");
    strcat(text, "   1001:owner\nlisten = 127.0.0.1:1\n");
    assert_int_equal(read_text(text, &config, &why), REFUSED_INVALID);
    assert_non_null(strstr(why.what, "line 2 is too long"));
    assert_int_equal(read_text("[rest]\nroles = 1000:owner,\n  1001:auditor\n", &config, &why), REFUSED_INVALID);
    config_init(&config);
    assert_int_equal(read_text("[rest]\n  roles = 1000:owner\n\t; so\n\n  listen = 127.0.0.1:1", &config, &why), 0);
    assert_string_equal(config.rest_roles, "1000:owner");
    assert_string_equal(config.rest_listen, "127.0.0.1:1");
}

static void takes_single_settings_from_the_command_line(void **state)
{
    (void)state;
    struct config config;
    struct why why;

    config_init(&config);
    assert_int_equal(config_set(&config, "coap.listen=127.0.0.1:0", &why), 0);
    assert_string_equal(config.coap_listen, "127.0.0.1:0");
    assert_int_equal(config_set(&config, "rest.socket_mode=0600", &why), 0);
    assert_int_equal(config.rest_socket_mode, 0600);
    assert_int_equal(config_set(&config, "rest.socket_mode=0888", &why), REFUSED_INVALID);
    assert_int_equal(config_set(&config, "lab.telemetry_plain=maybe", &why), REFUSED_INVALID);
    assert_int_equal(config_set(&config, "rollout.concurrency=0", &why), REFUSED_INVALID);
    assert_int_equal(config_set(&config, "nothing", &why), REFUSED_INVALID);
}

static void what_it_prints_reads_back(void **state)
{
    (void)state;
    struct config config;
    struct config back;
    struct why why;
    char *text = NULL;
    size_t size = 0;

    config_init(&config);
    assert_int_equal(config_set(&config, "privacy.device_cap=0.125", &why), 0);
    assert_int_equal(config_set(&config, "rest.listen=127.0.0.1:8550", &why), 0);
    FILE *out = open_memstream(&text, &size);
    config_print(&config, out);
    fclose(out);
    config_init(&back);
    assert_int_equal(read_text(text, &back, &why), 0);
    assert_memory_equal(&config, &back, sizeof(config));
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults_are_those_of_the_table),
        cmocka_unit_test(reads_a_file_over_the_defaults),
        cmocka_unit_test(names_the_line_that_it_refuses),
        cmocka_unit_test(takes_no_part_of_a_value_for_the_whole),
        cmocka_unit_test(takes_single_settings_from_the_command_line),
        cmocka_unit_test(what_it_prints_reads_back),
    };
    return cmocka_run_group_tests_name("base/config", tests, NULL, NULL);
}
