#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "device_proto/vector.h"
#include "tests/unit/transport_coap/bench.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "daemon/base/text.h"

static struct script *script_of(struct core *core)
{
    return &((struct bench *)((char *)core - offsetof(struct bench, core)))->script;
}

static struct script *script_under(struct store *store)
{
    return &((struct bench *)((char *)store - offsetof(struct bench, store)))->script;
}

static int on_group_begin(struct store *store)
{
    struct script *script = script_under(store);

    if (script->group_open)
        return -EALREADY;
    script->group_open = true;
    return 0;
}

static bool on_group_waits(struct store *store)
{
    return script_under(store)->group_waits;
}

static int on_group_end(struct store *store)
{
    struct script *script = script_under(store);
    uint8_t byte;

    if (!script->group_open)
        return -EPERM;
    for (size_t i = 0; script->group_waits && i < 8 && script->watched[i] > 0; i++)
        script->left_too_soon |= recv(script->watched[i], &byte, 1, MSG_DONTWAIT | MSG_PEEK) >= 0;
    script->commits += script->group_waits;
    script->group_open = script->group_waits = false;
    return script->commit_result;
}

static int say(struct script *script, struct why *why)
{
    script->calls++;
    script->group_waits = script->group_open && !script->keeps_still;
    if (script->result > 0)
        return refuse(why, (enum refusal)script->result, NULL, NULL, "%s", script->words);
    return script->result;
}

static int on_register(struct core *core, const struct registration_order *order, struct registration *out,
                       struct why *why)
{
    struct script *script = script_of(core);
    struct registration *place = script->registry;
    int r = say(script, why);

    if (r != 0)
        return r;
    while (place < script->registry + script->registered &&
           (strcmp(place->endpoint, order->endpoint) != 0 || strcmp(place->sector, order->sector) != 0))
        place++;
    if (place == script->registry + script->registered) {
        script->registered++;
        snprintf(place->location, sizeof(place->location), "/rd/loc%zu", script->registered);
    }
    text_copy(place->endpoint, sizeof(place->endpoint), order->endpoint);
    text_copy(place->sector, sizeof(place->sector), order->sector);
    text_copy(place->base, sizeof(place->base), order->base);
    text_copy_bytes(place->links, sizeof(place->links), order->links);
    text_copy(script->hint, sizeof(script->hint), order->profile_hint);
    place->lifetime_s = order->lifetime_s != 0 ? order->lifetime_s : 90000;
    *out = *place;
    return 0;
}

static struct registration *at_location(struct script *script, const char *location)
{
    for (size_t i = 0; i < script->registered; i++) {
        if (strcmp(script->registry[i].location, location) == 0)
            return &script->registry[i];
    }
    return NULL;
}

static int on_update(struct core *core, const char *location, int64_t lifetime_s, const char *base, struct why *why)
{
    struct registration *place = at_location(script_of(core), location);

    if (place == NULL)
        return refuse(why, REFUSED_UNKNOWN, NULL, NULL, "no such registration");
    if (lifetime_s != 0)
        place->lifetime_s = lifetime_s;
    if (base != NULL)
        text_copy(place->base, sizeof(place->base), base);
    return 0;
}

static int on_remove(struct core *core, const char *location, struct why *why)
{
    struct script *script = script_of(core);
    struct registration *place = at_location(script, location);

    if (place == NULL)
        return refuse(why, REFUSED_UNKNOWN, NULL, NULL, "no such registration");
    *place = script->registry[--script->registered];
    return 0;
}

static int on_list(struct core *core, const struct directory_query *query,
                   int (*each)(void *context, const struct registration *registration), void *context)
{
    struct script *script = script_of(core);
    unsigned given = 0;
    int64_t passed = 0;
    int r = 0;

    for (size_t i = 0; i < script->registered && given < query->page.limit && r == 0; i++) {
        const struct registration *one = &script->registry[i];

        if ((query->endpoint != NULL && strcmp(query->endpoint, one->endpoint) != 0) ||
            (query->sector != NULL && strcmp(query->sector, one->sector) != 0) || passed++ < query->page.after)
            continue;
        given++;
        r = each(context, one);
    }
    return r;
}

static int on_fetch(struct core *core, const char *path, uint64_t offset, uint8_t *out, size_t capacity,
                    struct fetch_block *out_block)
{
    struct script *script = script_of(core);
    bool manifest = strcmp(path, "/m/manifest") == 0;

    script->calls++;
    if (script->result != 0)
        return script->result;
    if (!manifest && strcmp(path, "/i/image") != 0)
        return REFUSED_UNKNOWN;
    *out_block = (struct fetch_block){ .offset = offset, .total = script->object_size, .is_manifest = manifest };
    memset(out_block->digest, 0xd1, sizeof(out_block->digest));
    if (offset < script->object_size) {
        out_block->size = script->object_size - offset < capacity ? script->object_size - (size_t)offset : capacity;
        memcpy(out, script->object + offset, out_block->size);
    }
    return 0;
}

static int on_report(struct core *core, struct bytes report, struct why *why)
{
    struct script *script = script_of(core);

    script->body_size = report.size < sizeof(script->body) ? report.size : sizeof(script->body);
    if (script->body_size > 0)
        memcpy(script->body, report.data, script->body_size);
    return say(script, why);
}

static int on_telemetry(struct core *core, const struct telemetry *telemetry, struct why *why)
{
    struct script *script = script_of(core);

    text_copy(script->endpoint, sizeof(script->endpoint), telemetry->endpoint);
    text_copy(script->peer, sizeof(script->peer), telemetry->peer);
    text_copy(script->first_name, sizeof(script->first_name), telemetry->records[0].name);
    struct vector_view vector = { .dimension = 0 };
    if (telemetry->records[0].kind == SENML_DATA)
        assert_int_equal(vector_parse(telemetry->records[0].text, &vector), 0);
    script->first_dimension = vector.dimension;
    script->first_squares = 0;
    for (size_t i = 0; i < vector.dimension; i++)
        script->first_squares += (int64_t)vector_at(&vector, i) * vector_at(&vector, i);
    script->sequence = telemetry->sequence;
    script->policy_version = telemetry->policy_version;
    script->records = telemetry->count;
    script->authenticated = telemetry->authenticated;
    if (telemetry->sequence == script->refuse_sequence && script->refuse_sequence != 0) {
        say(script, why);
        return refuse(why, REFUSED_FORBIDDEN, NULL, NULL, "not this one");
    }
    return say(script, why);
}

static int on_policy(struct core *core, const char *sensor, struct policy *out)
{
    (void)core;
    if (strcmp(sensor, "temperature") != 0)
        return REFUSED_UNKNOWN;
    memset(out, 0, sizeof(*out));
    out->document_size = 300;
    memset(out->document, 'p', out->document_size);
    return 0;
}

static void on_answer(struct core *core, const struct transport_answer *answer)
{
    struct script *script = script_of(core);
    struct transport_answer *kept = &script->answers[script->answered++];

    *kept = *answer;
    kept->payload.data = script->answer_payload;
    if (answer->payload.size > 0)
        memcpy(script->answer_payload, answer->payload.data, answer->payload.size);
}

static const struct coap_rules rules = {
    .register_endpoint = on_register,
    .update = on_update,
    .remove = on_remove,
    .list = on_list,
    .fetch = on_fetch,
    .report = on_report,
    .telemetry = on_telemetry,
    .policy = on_policy,
    .answer = on_answer,
};

static void on_limit(void *context)
{
    struct bench *bench = context;

    bench->too_late = true;
    loop_stop(bench->loop);
}

struct bench *bench_open(const struct transport_coap_settings *settings)
{
    struct bench *bench = calloc(1, sizeof(*bench));
    struct transport_coap_settings mine = { 0 };
    struct why why = { "", "", "" };

    assert_non_null(bench);
    if (settings != NULL)
        mine = *settings;
    if (mine.listen[0] == NULL)
        mine.listen[0] = "127.0.0.1:0";
    /* Nothing is sent twice however slow the machine is, unless a test is about that. */
    if (mine.ack_timeout_ms == 0)
        mine.ack_timeout_ms = 60000;
    assert_int_equal(loop_new(&bench->loop), 0);
    assert_int_equal(loop_timer_new(bench->loop, on_limit, bench, &bench->limit), 0);
    assert_int_equal(transport_coap_new_with(&rules, &bench->core, bench->loop, &mine, &bench->transport, &why), 0);
    bench->store =
        (struct store){ .group_begin = on_group_begin, .group_waits = on_group_waits, .group_end = on_group_end };
    bench->core.store = &bench->store;
    bench->core.transport = transport_coap_port(bench->transport);
    bench->port = transport_coap_listens_on(bench->transport, 0);
    bench->script.words = "because the test says so";
    return bench;
}

void bench_close(struct bench *bench)
{
    transport_coap_free(bench->transport);
    loop_timer_free(bench->limit);
    loop_free(bench->loop);
    free(bench);
}

static int open_socket(struct sockaddr_in *local)
{
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    socklen_t size = sizeof(*local);

    *local = (struct sockaddr_in){ .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (struct sockaddr *)local, sizeof(*local)), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)local, &size), 0);
    return fd;
}

int client_open(const struct bench *bench)
{
    struct sockaddr_in local,
        daemon = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons(bench->port) };
    int fd = open_socket(&local);

    assert_int_equal(connect(fd, (struct sockaddr *)&daemon, sizeof(daemon)), 0);
    return fd;
}

int device_open(uint16_t *out_port)
{
    struct sockaddr_in local;
    int fd = open_socket(&local);

    *out_port = ntohs(local.sin_port);
    return fd;
}

static void on_readable(void *context, int fd, uint32_t events)
{
    (void)fd;
    (void)events;
    loop_stop(context);
}

void bench_run(struct bench *bench)
{
    loop_timer_set(bench->limit, LIMIT_MS);
    assert_int_equal(loop_run(bench->loop), 0);
    loop_timer_stop(bench->limit);
    if (bench->too_late)
        fail_msg("nothing happened for %d ms", LIMIT_MS);
}

size_t receive(struct bench *bench, int fd, uint8_t *out, size_t capacity, struct sockaddr_in *out_from)
{
    socklen_t size = sizeof(*out_from);
    ssize_t got;

    assert_int_equal(loop_watch(bench->loop, fd, EPOLLIN, on_readable, bench->loop), 0);
    bench_run(bench);
    loop_unwatch(bench->loop, fd);
    got = recvfrom(fd, out, capacity, MSG_DONTWAIT, (struct sockaddr *)out_from, out_from != NULL ? &size : NULL);
    assert_true(got >= 0);
    return (size_t)got;
}

struct waiting {
    struct bench *bench;
    const size_t *value;
    size_t wanted;
};

static void check(void *context)
{
    struct waiting *waiting = context;

    if (*waiting->value >= waiting->wanted)
        loop_stop(waiting->bench->loop);
}

static void await(struct bench *bench, const size_t *value, size_t wanted)
{
    struct waiting waiting = { bench, value, wanted };

    loop_on_turn(bench->loop, check, &waiting);
    bench_run(bench);
    loop_on_turn(bench->loop, NULL, NULL);
}

void await_answers(struct bench *bench, size_t count)
{
    await(bench, &bench->script.answered, count);
}

void await_registrations(struct bench *bench, size_t count)
{
    await(bench, &bench->script.registered, count);
}

void ask_begin(struct asking *asking, uint8_t code, uint16_t id, const char *path)
{
    static const uint8_t token[] = { 0xca, 0xfe };

    coap_message_begin(&asking->writer, asking->bytes, sizeof(asking->bytes), COAP_MSG_CON, code, id,
                       bytes_view(token, sizeof(token)));
    coap_message_add_path(&asking->writer, COAP_MSG_OPT_URI_PATH, bytes_of_text(path));
}

void ask_query(struct asking *asking, const char *query)
{
    while (query != NULL && *query != '\0') { /* "a=1&b=2" */
        size_t size = strcspn(query, "&");

        coap_message_add_option(&asking->writer, COAP_MSG_OPT_URI_QUERY, bytes_view(query, size));
        query += size + (query[size] == '&');
    }
}

void ask_on(int fd, const struct asking *asking)
{
    size_t size = 0;

    assert_int_equal(coap_message_finish(&asking->writer, &size), 0);
    assert_int_equal(send(fd, asking->bytes, size, 0), size);
}

struct coap_message answer_of(struct bench *bench, int fd)
{
    static uint8_t answer[2000];
    struct coap_message message;
    size_t size = receive(bench, fd, answer, sizeof(answer), NULL);

    assert_int_equal(coap_message_parse(bytes_view(answer, size), &message), 0);
    return message;
}

struct coap_message ask(struct bench *bench, int fd, const struct asking *asking)
{
    ask_on(fd, asking);
    return answer_of(bench, fd);
}

static void compose(struct asking *asking, uint8_t code, uint16_t id, const char *path, const char *query, int format,
                    struct bytes payload)
{
    ask_begin(asking, code, id, path);
    if (format >= 0)
        coap_message_add_uint(&asking->writer, COAP_MSG_OPT_CONTENT_FORMAT, (uint32_t)format);
    ask_query(asking, query);
    coap_message_add_payload(&asking->writer, payload);
}

void begin_post(int fd, uint16_t id, const char *path, const char *query, int format, struct bytes payload)
{
    struct asking asking;

    compose(&asking, COAP_MSG_POST, id, path, query, format, payload);
    ask_on(fd, &asking);
}

struct coap_message ask_simple(struct bench *bench, int fd, uint8_t code, uint16_t id, const char *path,
                               const char *query, int format, struct bytes payload)
{
    struct asking asking;

    compose(&asking, code, id, path, query, format, payload);
    return ask(bench, fd, &asking);
}

struct coap_message ask_block1(struct bench *bench, int fd, uint16_t id, const char *path, const char *query,
                               int format, uint32_t block, struct bytes payload)
{
    struct asking asking;

    ask_begin(&asking, COAP_MSG_POST, id, path);
    if (format >= 0)
        coap_message_add_uint(&asking.writer, COAP_MSG_OPT_CONTENT_FORMAT, (uint32_t)format);
    ask_query(&asking, query);
    coap_message_add_uint(&asking.writer, COAP_MSG_OPT_BLOCK1, block);
    coap_message_add_payload(&asking.writer, payload);
    return ask(bench, fd, &asking);
}

struct coap_message ask_block2(struct bench *bench, int fd, uint16_t id, const char *path, const char *query,
                               uint32_t block)
{
    struct asking asking;

    ask_begin(&asking, COAP_MSG_GET, id, path);
    ask_query(&asking, query);
    coap_message_add_uint(&asking.writer, COAP_MSG_OPT_BLOCK2, block);
    return ask(bench, fd, &asking);
}

uint32_t option_uint(const struct coap_message *message, uint16_t number)
{
    uint32_t value = 0;

    return coap_message_find_uint(message, number, &value) == 0 ? value : UINT32_MAX;
}
