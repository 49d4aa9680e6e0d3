#include "rest.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "daemon/base/text.h"
#include "daemon/store_sqlite/store_sqlite.h"
#include "device_proto/bundle.h"

enum { GUARD_MS = 10000 };

static int64_t clock_unix_ms(const struct clock *clock)
{
    return ((const struct rest *)((const char *)clock - offsetof(struct rest, clock)))->now_ms;
}

static int fake_request(struct transport *transport, const struct transport_request *request)
{
    struct rest *rest = (struct rest *)((char *)transport - offsetof(struct rest, transport));

    rest->asked = *request;
    text_copy(rest->asked_path, sizeof(rest->asked_path), request->path);
    rest->asked_count++;
    if (rest->until_asked)
        loop_stop(rest->loop);
    return 0;
}

static int fake_own_base(struct transport *transport, const char *device_address, char out_base[ADDRESS_SIZE])
{
    (void)transport;
    (void)device_address;
    return text_copy(out_base, ADDRESS_SIZE, "coap://[::1]");
}

static int sink_check(void *context, const char *config, struct why *why)
{
    (void)context;
    if (strstr(config, "\"path\"") != NULL)
        return 0;
    return refuse(why, REFUSED_INVALID, "path", "give one", "a file sink needs a path");
}

static int sink_deliver(void *context, const struct delivery *delivery)
{
    (void)context;
    (void)delivery;
    return REFUSED_BUSY;
}

static void count_change(void *context)
{
    ((struct rest *)context)->changes++;
}

static void on_guard(void *context)
{
    struct rest *rest = context;

    rest->client.late = true;
    loop_stop(rest->loop);
}

static void start_core(struct rest *rest)
{
    struct why why = { .what = "" };

    crypto_openssl_proto(&rest->crypto);
    crypto_openssl_random(&rest->random);
    assert_int_equal(crypto_key_generate(KEY_ED25519, &rest->maintainer), 0);
    crypto_key_signer(rest->maintainer, &rest->signer);
    rest->clock.unix_ms = clock_unix_ms;
    rest->now_ms = NOW_MS;
    rest->transport = (struct transport){ fake_request, fake_own_base };
    rest->kinds[0] = (struct sink_kind){ "file", sink_check, sink_deliver, rest };
    rest->sinks = (struct sink_port){ rest->kinds, 1 };
    rest->core = (struct core){ .transport = &rest->transport,
                                .sinks = &rest->sinks,
                                .clock = &rest->clock,
                                .crypto = &rest->crypto,
                                .maintainer = &rest->signer,
                                .random = &rest->random,
                                .settings = { .epoch_ms = 86400000,
                                              .filter_cap = { .ueps = 1000000, .nrho = LOSS_MAX, .pure_only = true },
                                              .pool_unlock_ppm = 1000000,
                                              .path_lifetime_ms = 3600000,
                                              .rollout_concurrency = 64 } };
    assert_int_equal(store_sqlite_open(":memory:", &rest->core.store, &why), 0);
    assert_int_equal(core_start(&rest->core, &why), 0);
}

static void start_api(struct rest *rest)
{
    struct why why = { .what = "" };

    if (api_new(&rest->core, rest->loop, &rest->settings, &rest->api, &why) != 0)
        fail_msg("the API does not start: %s", why.what);
}

int rest_setup(void **state)
{
    static const struct api_library library = { "sqlite", "3" };
    static const struct api_feature feature = { "oscore", false, "not in this test" };
    static const char *const listen = "coap://[::]:5683";
    struct rest *rest = calloc(1, sizeof(*rest));
    if (rest == NULL)
        return -1;
    *state = rest;
    assert_int_equal(loop_new(&rest->loop), 0);
    assert_int_equal(loop_timer_new(rest->loop, on_guard, rest, &rest->guard), 0);
    start_core(rest);
    snprintf(rest->folder, sizeof(rest->folder), "/tmp/tinypart-api-XXXXXX");
    assert_non_null(mkdtemp(rest->folder));
    snprintf(rest->socket, sizeof(rest->socket), "%s/rest.sock", rest->folder);
    rest->settings = (struct api_settings){ .unix_path = rest->socket,
                                            .unix_group = (gid_t)-1,
                                            .unix_fd = -1,
                                            .tcp_address = "127.0.0.1",
                                            .facts = { "0.0.1", ":memory:", &library, 1, &feature, 1, &listen, 1 },
                                            .public_read_pem = crypto_public_read_pem,
                                            .public_write_pem = crypto_public_write_pem,
                                            .on_change = count_change,
                                            .on_change_context = rest };
    rest->client.fd = -1;
    buffer_init(&rest->client.in, 16u << 20);
    buffer_init(&rest->client.out, 16u << 20);
    start_api(rest);
    return 0;
}

void rest_restart(struct rest *rest)
{
    api_free(rest->api);
    rest->api = NULL;
    start_api(rest);
}

static void client_close(struct rest *rest)
{
    if (rest->client.fd < 0)
        return;
    loop_unwatch(rest->loop, rest->client.fd);
    close(rest->client.fd);
    rest->client.fd = -1;
}

int rest_teardown(void **state)
{
    struct rest *rest = *state;

    client_close(rest);
    core_stop(&rest->core);
    api_free(rest->api);
    rest->core.store->close(rest->core.store);
    crypto_key_free(rest->maintainer);
    json_decref(rest->seen.json);
    buffer_deinit(&rest->client.in);
    buffer_deinit(&rest->client.out);
    loop_timer_free(rest->guard);
    loop_free(rest->loop);
    rmdir(rest->folder);
    free(rest);
    return 0;
}

static void on_client(void *context, int fd, uint32_t events)
{
    struct rest *rest = context;
    char part[65536];

    (void)events;
    while (rest->client.sent < rest->client.out.size) {
        ssize_t n = send(fd, rest->client.out.data + rest->client.sent, rest->client.out.size - rest->client.sent,
                         MSG_NOSIGNAL);
        if (n < 0)
            break; /* full, or the other side closed: reading tells */
        rest->client.sent += (size_t)n;
        if (rest->client.sent == rest->client.out.size)
            loop_change(rest->loop, fd, EPOLLIN);
    }
    for (;;) {
        ssize_t n = recv(fd, part, sizeof(part), 0);
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
            return;
        if (n > 0) {
            buffer_append(&rest->client.in, part, (size_t)n);
            continue;
        }
        rest->client.done = true;
        loop_unwatch(rest->loop, fd);
        loop_stop(rest->loop);
        return;
    }
}

static int connect_to(const struct rest *rest)
{
    struct sockaddr_un local = { .sun_family = AF_UNIX };
    struct sockaddr_in remote = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };

    remote.sin_port = htons(api_tcp_port(rest->api));
    text_copy(local.sun_path, sizeof(local.sun_path), rest->socket);
    int fd = socket(rest->over_tcp ? AF_INET : AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    const void *address = rest->over_tcp ? (const void *)&remote : (const void *)&local;
    socklen_t size = rest->over_tcp ? sizeof(remote) : sizeof(local);
    /* The kernel tells the user that connected, whoever the process is later. */
    uid_t self = geteuid();
    assert_int_equal(seteuid(rest->connect_as != 0 ? rest->connect_as : self), 0);
    int r = connect(fd, address, size);
    assert_int_equal(seteuid(self), 0);
    assert_int_equal(r, 0);
    return fd;
}

static void client_open(struct rest *rest)
{
    client_close(rest);
    buffer_deinit(&rest->client.in);
    buffer_deinit(&rest->client.out);
    rest->client.sent = 0;
    rest->client.done = rest->client.late = false;
    rest->client.fd = connect_to(rest);
}

static void client_run(struct rest *rest)
{
    loop_timer_set(rest->guard, GUARD_MS);
    assert_int_equal(loop_run(rest->loop), 0);
    loop_timer_stop(rest->guard);
    assert_false(rest->client.late);
}

static void client_send(struct rest *rest)
{
    assert_int_equal(rest->client.out.fault, 0);
    assert_int_equal(fcntl(rest->client.fd, F_SETFL, O_NONBLOCK), 0);
    assert_int_equal(loop_watch(rest->loop, rest->client.fd, EPOLLIN | EPOLLOUT, on_client, rest), 0);
}

/* Takes the answer apart; nothing came: status 0. */
static void see(struct rest *rest)
{
    struct buffer *in = &rest->client.in;

    json_decref(rest->seen.json);
    memset(&rest->seen, 0, sizeof(rest->seen));
    if (in->size == 0)
        return;
    char *end = strstr((char *)in->data, "\r\n\r\n");
    assert_non_null(end);
    *end = '\0';
    rest->seen.head = (const char *)in->data;
    rest->seen.body = end + 4;
    rest->seen.body_size = in->size - (size_t)(rest->seen.body - rest->seen.head);
    assert_int_equal(sscanf(rest->seen.head, "HTTP/1.%*c %u", &rest->seen.status), 1);
    bool is_lines = strstr(rest->seen.head, "application/jsonl") != NULL; /* of which the first is read */
    rest->seen.json = json_loadb(rest->seen.body, rest->seen.body_size,
                                 JSON_DECODE_ANY | (is_lines ? JSON_DISABLE_EOF_CHECK : 0), NULL);
}

const char *header_of(struct rest *rest, const char *name)
{
    static char value[512];
    size_t size = strlen(name);

    value[0] = '\0';
    for (const char *line = strstr(rest->seen.head, "\r\n"); line != NULL; line = strstr(line, "\r\n")) {
        line += 2;
        if (strncasecmp(line, name, size) == 0 && line[size] == ':')
            snprintf(value, sizeof(value), "%.*s", (int)strcspn(line + size + 2, "\r"), line + size + 2);
    }
    return value;
}

static void write_transcript(struct rest *rest, const char *method, const char *target)
{
    const char *path = getenv("TINYPART_TRANSCRIPT");
    FILE *file = path != NULL && rest->seen.status != 0 ? fopen(path, "a") : NULL;

    if (file == NULL)
        return;
    json_t *json =
        json_pack("{s:s,s:s,s:i,s:s,s:s%}", "method", method, "target", target, "status", (int)rest->seen.status,
                  "content_type", header_of(rest, "Content-Type"), "body", rest->seen.body, rest->seen.body_size);
    if (json != NULL) {
        json_dumpf(json, file, JSON_COMPACT);
        fputc('\n', file);
    }
    json_decref(json);
    fclose(file);
}

static void call(struct rest *rest, const char *method, const char *target, struct bytes body, bool has_body)
{
    struct buffer *out = &rest->client.out;

    client_open(rest);
    buffer_format(out, "%s %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n", method, target);
    if (rest->token != NULL)
        buffer_format(out, "Authorization: Bearer %s\r\n", rest->token);
    if (rest->accept != NULL)
        buffer_format(out, "Accept: %s\r\n", rest->accept);
    if (has_body)
        buffer_format(out, "Content-Type: %s\r\nContent-Length: %zu\r\n",
                      rest->media != NULL ? rest->media : "application/json", body.size);
    buffer_text(out, "\r\n");
    buffer_append(out, body.data, body.size);
    client_send(rest);
}

static void finish(struct rest *rest, const char *method, const char *target)
{
    client_run(rest);
    assert_true(rest->client.done);
    see(rest);
    write_transcript(rest, method, target);
}

void rest_call_bytes(struct rest *rest, const char *method, const char *target, struct bytes body)
{
    call(rest, method, target, body, true);
    finish(rest, method, target);
}

void rest_call(struct rest *rest, const char *method, const char *target, const char *body)
{
    call(rest, method, target, bytes_of_text(body != NULL ? body : ""), body != NULL);
    finish(rest, method, target);
}

void rest_raw(struct rest *rest, struct bytes bytes)
{
    client_open(rest);
    buffer_append(&rest->client.out, bytes.data, bytes.size);
    client_send(rest);
    client_run(rest);
    see(rest);
}

unsigned rest_garbage(struct rest *rest, struct bytes bytes)
{
    char seen[32] = "";
    unsigned status = 0;
    int fd = connect_to(rest);

    assert_int_equal(send(fd, bytes.data, bytes.size, MSG_NOSIGNAL), (ssize_t)bytes.size);
    expect(rest, 200, "GET", "/v1/version", NULL);
    if (recv(fd, seen, sizeof(seen) - 1, MSG_DONTWAIT) > 0)
        assert_int_equal(sscanf(seen, "HTTP/1.%*c %u", &status), 1);
    close(fd);
    return status;
}

void rest_call_until_asked(struct rest *rest, const char *method, const char *target)
{
    unsigned before = rest->asked_count;

    call(rest, method, target, (struct bytes){ 0 }, false);
    rest->until_asked = true;
    client_run(rest);
    rest->until_asked = false;
    text_copy(rest->waiting_method, sizeof(rest->waiting_method), method);
    text_copy(rest->waiting_target, sizeof(rest->waiting_target), target);
    assert_int_equal(rest->asked_count, before + 1);
}

void rest_wait(struct rest *rest)
{
    finish(rest, rest->waiting_method, rest->waiting_target);
}

json_t *expect(struct rest *rest, unsigned status, const char *method, const char *target, const char *body)
{
    rest_call(rest, method, target, body);
    if (rest->seen.status != status)
        fail_msg("%s %s: %u instead of %u: %.*s", method, target, rest->seen.status, status, (int)rest->seen.body_size,
                 rest->seen.body);
    if (status != 204)
        assert_non_null(rest->seen.json);
    return rest->seen.json;
}

json_t *expect_refusal(struct rest *rest, unsigned status, const char *kind, const char *method, const char *target,
                       const char *body)
{
    char type[64];
    json_t *json = expect(rest, status, method, target, body);

    snprintf(type, sizeof(type), "urn:tinypart:problem:%s", kind);
    assert_string_equal(header_of(rest, "Content-Type"), "application/problem+json");
    assert_string_equal(text_of(json, "type"), type);
    assert_int_equal(number_of(json, "status"), status);
    assert_true(strlen(text_of(json, "detail")) > 0);
    return json;
}

const char *text_of(const json_t *json, const char *member)
{
    const char *text = json_string_value(json_object_get(json, member));

    if (text == NULL)
        fail_msg("no text called %s", member);
    return text;
}

json_int_t number_of(const json_t *json, const char *member)
{
    const json_t *value = json_object_get(json, member);

    if (!json_is_integer(value))
        fail_msg("no number called %s", member);
    return json_integer_value(value);
}

char *token_for(struct rest *rest, const char *name, const char *role, const char *tenant)
{
    const char *token = rest->token;
    char body[256];

    snprintf(body, sizeof(body), "{\"name\":\"%s\",\"role\":\"%s\"%s%s%s}", name, role,
             tenant != NULL ? ",\"tenant\":\"" : "", tenant != NULL ? tenant : "", tenant != NULL ? "\"" : "");
    rest->token = NULL;
    char *text = strdup(text_of(expect(rest, 201, "POST", "/v1/tokens", body), "token"));
    rest->token = token;
    return text;
}

char *key_body(const struct public_key *key, const char *member)
{
    char pem[PUBLIC_PEM_SIZE];

    assert_int_equal(crypto_public_write_pem(key, pem), 0);
    json_t *json = json_pack("{s:s}", member, pem);
    char *text = json_dumps(json, JSON_COMPACT);
    json_decref(json);
    assert_non_null(text);
    return text;
}

struct crypto_key *tenant_with_key(struct rest *rest, const char *name)
{
    struct crypto_key *key;
    struct proto_signer signer;
    char target[128];
    char body[128];

    snprintf(body, sizeof(body), "{\"name\":\"%s\"}", name);
    expect(rest, 201, "POST", "/v1/tenants", body);
    assert_int_equal(crypto_key_generate(KEY_ED25519, &key), 0);
    crypto_key_signer(key, &signer);
    char *pem = key_body(&signer.key, "public_key");
    snprintf(target, sizeof(target), "/v1/tenants/%s/keys", name);
    expect(rest, 201, "POST", target, pem);
    free(pem);
    return key;
}

struct buffer signed_bundle(const struct rest *rest, const struct crypto_key *key, const char *name,
                            const char *version)
{
    static const uint8_t container[] = { 'r',  'B', 'P', 'F', 0,    0,    0, 0,             /* magic, version */
                                         0,    0,   0,   0,   0,    0,    0, 0, 0, 0, 0, 0, /* flags, data, rodata */
                                         16,   0,   0,   0,   0,    0,    0, 0,             /* text, functions */
                                         0xb7, 0,   0,   0,   0x9e, 0x0a, 0, 0,             /* mov r0, 2718 */
                                         0x95, 0,   0,   0,   0,    0,    0, 0 };           /* exit */
    struct bundle bundle = { .name = bytes_of_text(name),
                             .version = bytes_of_text(version),
                             .type = BUNDLE_BPF,
                             .sensor = bytes_of_text("temperature"),
                             .container = bytes_view(container, sizeof(container)) };
    uint8_t encoded[sizeof(container) + BUNDLE_OVERHEAD_MAX];
    struct proto_signer signer;
    struct buffer out;
    size_t size;

    crypto_key_signer(key, &signer);
    assert_int_equal(bundle_write(&bundle, &rest->crypto, &signer, encoded, sizeof(encoded), &size), 0);
    buffer_init(&out, sizeof(encoded));
    buffer_append(&out, encoded, size);
    return out;
}
