/* Where the API listens, and what it refuses to listen on. */
#include "rest.h"

#include <curl/curl.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static void refuses(struct rest *rest, int kind, const char *words)
{
    struct why why = { .what = "" };
    struct api *api = NULL;

    assert_int_equal(api_new(&rest->core, rest->loop, &rest->settings, &api, &why), kind);
    assert_null(api);
    if (strstr(why.what, words) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", why.what, words);
}

static void stop(struct rest *rest)
{
    api_free(rest->api);
    rest->api = NULL;
}

static int bound_socket(const char *path)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);

    snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    return fd;
}

static void makes_its_socket_with_the_mode_asked_for(void **state)
{
    struct rest *rest = *state;
    struct stat about;

    assert_int_equal(stat(rest->socket, &about), 0);
    assert_int_equal(about.st_mode & 0777, 0660);
    rest->settings.unix_mode = 0600;
    rest_restart(rest);
    assert_int_equal(stat(rest->socket, &about), 0);
    assert_int_equal(about.st_mode & 0777, 0600);
    stop(rest);
    assert_int_equal(stat(rest->socket, &about), -1);
}

static void replaces_a_socket_nobody_answers_on(void **state)
{
    struct rest *rest = *state;

    stop(rest);
    close(bound_socket(rest->socket));
    rest_restart(rest);
    expect(rest, 200, "GET", "/v1/version", NULL);
}

static void leaves_a_socket_somebody_answers_on(void **state)
{
    struct rest *rest = *state;

    rest->settings.tcp_address = NULL;
    refuses(rest, REFUSED_CONFLICT, "another daemon");
    expect(rest, 200, "GET", "/v1/version", NULL);
}

static void leaves_what_is_no_socket(void **state)
{
    struct rest *rest = *state;

    stop(rest);
    FILE *file = fopen(rest->socket, "w");
    fclose(file);
    refuses(rest, REFUSED_CONFLICT, "something else");
    unlink(rest->socket);
}

static void refuses_paths_too_long_for_a_socket(void **state)
{
    struct rest *rest = *state;
    char path[200];

    memset(path, 'a', sizeof(path) - 1);
    path[0] = '/';
    path[sizeof(path) - 1] = '\0';
    rest->settings.unix_path = path;
    refuses(rest, REFUSED_INVALID, "at most 107 bytes");
}

static void takes_a_socket_that_is_given(void **state)
{
    struct rest *rest = *state;
    struct stat about;

    stop(rest);
    rest->settings.unix_fd = bound_socket(rest->socket);
    assert_int_equal(listen(rest->settings.unix_fd, 8), 0);
    rest->settings.unix_path = NULL;
    rest_restart(rest);
    expect(rest, 200, "GET", "/v1/version", NULL);
    stop(rest);
    assert_int_equal(stat(rest->socket, &about), 0);
    unlink(rest->socket);
}

static void needs_tls_beyond_loopback(void **state)
{
    struct rest *rest = *state;

    stop(rest);
    rest->settings.tcp_address = "0.0.0.0";
    refuses(rest, REFUSED_FORBIDDEN, "loopback");
    rest->settings.tcp_address = "::";
    refuses(rest, REFUSED_FORBIDDEN, "loopback");
    rest->settings.tcp_address = "0.0.0.0";
    rest->settings.tcp_plain_anywhere = true;
    rest_restart(rest);
    assert_true(api_tcp_port(rest->api) > 0);
}

static void refuses_addresses_and_ports_it_cannot_use(void **state)
{
    struct rest *rest = *state;

    rest->settings.unix_path = NULL;
    rest->settings.tcp_address = "localhost";
    refuses(rest, REFUSED_INVALID, "localhost");
    rest->settings.tcp_address = "127.0.0.1";
    rest->settings.tcp_port = api_tcp_port(rest->api);
    refuses(rest, REFUSED_CONFLICT, "in use");
    rest->settings.unix_path = rest->socket;
}

static void refuses_half_a_tls_setting(void **state)
{
    struct rest *rest = *state;

    stop(rest);
    rest->settings.tls_cert_path = "/nowhere/cert.pem";
    refuses(rest, REFUSED_INVALID, "private key");
    rest->settings.tls_key_path = "/nowhere/key.pem";
    refuses(rest, REFUSED_INVALID, "/nowhere/cert.pem");
    rest->settings.tls_cert_path = rest->folder;
    refuses(rest, REFUSED_INVALID, "no PEM file");
}

/* A certificate for 127.0.0.1, signed by itself, for an hour. */
static void write_certificate(const char *cert_path, const char *key_path)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *cert = X509_new();
    X509_NAME *name = X509_get_subject_name(cert);

    X509_set_version(cert, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(cert), 1);
    X509_gmtime_adj(X509_getm_notBefore(cert), -60);
    X509_gmtime_adj(X509_getm_notAfter(cert), 3600);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"tinypart", -1, -1, 0);
    X509_set_issuer_name(cert, name);
    X509_set_pubkey(cert, key);
    X509_EXTENSION *names = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, "IP:127.0.0.1");
    X509_add_ext(cert, names, -1);
    assert_true(X509_sign(cert, key, EVP_sha256()) > 0);
    FILE *file = fopen(cert_path, "w");
    assert_int_equal(PEM_write_X509(file, cert), 1);
    fclose(file);
    file = fopen(key_path, "w");
    assert_int_equal(PEM_write_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL), 1);
    fclose(file);
    X509_EXTENSION_free(names);
    X509_free(cert);
    EVP_PKEY_free(key);
}

struct download {
    struct rest *rest;
    const char *cert_path;
    const char *token;
    CURLcode result;
    long status;
};

static size_t drop(char *data, size_t size, size_t count, void *context)
{
    (void)data;
    (void)context;
    return size * count;
}

static void *download(void *context)
{
    struct download *download = context;
    char header[128], url[64];
    CURL *curl = curl_easy_init();

    snprintf(url, sizeof(url), "https://127.0.0.1:%u/v1/openapi.json", api_tcp_port(download->rest->api));
    snprintf(header, sizeof(header), "Authorization: Bearer %s", download->token);
    struct curl_slist *headers = curl_slist_append(NULL, header);
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(curl, CURLOPT_CAINFO, download->cert_path);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, drop);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT, 10L);
    download->result = curl_easy_perform(curl);
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &download->status);
    curl_slist_free_all(headers);
    curl_easy_cleanup(curl);
    loop_stop(download->rest->loop);
    return NULL;
}

static void serves_tls(void **state)
{
    struct rest *rest = *state;
    char cert_path[96], key_path[96];
    pthread_t thread;

    snprintf(cert_path, sizeof(cert_path), "%s/cert.pem", rest->folder);
    snprintf(key_path, sizeof(key_path), "%s/key.pem", rest->folder);
    write_certificate(cert_path, key_path);
    rest->settings.tls_cert_path = cert_path;
    rest->settings.tls_key_path = key_path;
    rest->settings.tcp_address = "127.0.0.1";
    rest_restart(rest);
    char *token = token_for(rest, "auditor-1", "auditor", NULL);
    struct download task = { rest, cert_path, token, CURLE_OK, 0 };
    assert_int_equal(curl_global_init(CURL_GLOBAL_DEFAULT), 0);
    assert_int_equal(pthread_create(&thread, NULL, download, &task), 0);
    assert_int_equal(loop_run(rest->loop), 0);
    pthread_join(thread, NULL);
    curl_global_cleanup();
    assert_int_equal(task.result, CURLE_OK);
    assert_int_equal(task.status, 200);
    stop(rest);
    rest->settings.tls_key_path = cert_path;
    refuses(rest, REFUSED_INVALID, "does not start");
    unlink(cert_path);
    unlink(key_path);
    free(token);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, rest_setup, rest_teardown)
    const struct CMUnitTest tests[] = {
        TEST(makes_its_socket_with_the_mode_asked_for),
        TEST(replaces_a_socket_nobody_answers_on),
        TEST(leaves_a_socket_somebody_answers_on),
        TEST(leaves_what_is_no_socket),
        TEST(refuses_paths_too_long_for_a_socket),
        TEST(takes_a_socket_that_is_given),
        TEST(needs_tls_beyond_loopback),
        TEST(refuses_addresses_and_ports_it_cannot_use),
        TEST(refuses_half_a_tls_setting),
        TEST(serves_tls),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
