#include "tests/unit/virtual/fake.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon/base/text.h"
#include "device_proto/token.h"
#include "device_proto/suit_author.h"

/* Reads a temperature sensor; 27.18 when there is none. */
const uint8_t temp_sens[178] = {
    0x72, 0x42, 0x50, 0x46, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x10, 0x00,
    0x00, 0x00, 0x80, 0x00, 0x00, 0x00, 0x01, 0x00, 0x00, 0x00, 0x74, 0x65, 0x6d, 0x70, 0x5f, 0x72, 0x65, 0x61,
    0x64, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0xb7, 0x01, 0x00, 0x00, 0x82, 0x00, 0x00, 0x00, 0x85, 0x00,
    0x00, 0x00, 0x31, 0x00, 0x00, 0x00, 0xb7, 0x06, 0x00, 0x00, 0x9e, 0x0a, 0x00, 0x00, 0x15, 0x00, 0x0a, 0x00,
    0x00, 0x00, 0x00, 0x00, 0xbf, 0xa2, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x07, 0x02, 0x00, 0x00, 0xf8, 0xff,
    0xff, 0xff, 0xbf, 0x01, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x85, 0x00, 0x00, 0x00, 0x32, 0x00, 0x00, 0x00,
    0x67, 0x00, 0x00, 0x00, 0x20, 0x00, 0x00, 0x00, 0xc7, 0x00, 0x00, 0x00, 0x20, 0x00, 0x00, 0x00, 0xc5, 0x00,
    0x03, 0x00, 0x00, 0x00, 0x00, 0x00, 0x69, 0xa6, 0xf8, 0xff, 0x00, 0x00, 0x00, 0x00, 0x67, 0x06, 0x00, 0x00,
    0x30, 0x00, 0x00, 0x00, 0xc7, 0x06, 0x00, 0x00, 0x30, 0x00, 0x00, 0x00, 0xbf, 0x60, 0x00, 0x00, 0x00, 0x00,
    0x00, 0x00, 0x95, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
};

/* ---- the wire ---- */

static int wire_open(void *context, struct device *device, const struct endpoint *remote, int *out_channel)
{
    struct fake *fake = context;

    (void)device;
    (void)remote;
    *out_channel = FAKE_SERVER + 1 + (int)fake->channels++;
    fake->open++;
    return 0;
}

static void wire_close(void *context, int channel)
{
    struct fake *fake = context;

    (void)channel;
    fake->open--;
}

static void wire_send(void *context, int channel, const struct endpoint *to, struct bytes datagram)
{
    struct fake *fake = context;

    assert_true(fake->outbox_count < sizeof(fake->outbox) / sizeof(fake->outbox[0]));
    assert_true(datagram.size <= sizeof(fake->outbox[0].data));
    fake->outbox[fake->outbox_count].channel = channel;
    fake->outbox[fake->outbox_count].to = *to;
    fake->outbox[fake->outbox_count].size = datagram.size;
    memcpy(fake->outbox[fake->outbox_count].data, datagram.data, datagram.size);
    fake->outbox_count++;
}

static void on_event(void *context, const struct device *device, enum event event, const char *text)
{
    struct fake *fake = context;

    (void)device;
    snprintf(fake->last_event[event], sizeof(fake->last_event[event]), "%s", text);
}

/* ---- the daemon ---- */

static void note_query(const struct coap_message *message, char *out, size_t capacity)
{
    struct coap_message_cursor cursor = coap_message_cursor(message);
    struct coap_message_option option;
    size_t size = 0;

    out[0] = '\0';
    while (coap_message_next_option(&cursor, &option))
        if (option.number == COAP_MSG_OPT_URI_QUERY)
            size += (size_t)snprintf(out + size, capacity - size, "%s%.*s", size > 0 ? "&" : "", (int)option.value.size,
                                     (const char *)option.value.data);
}

static struct fake_sent *note(struct fake *fake, int channel, const struct coap_message *message)
{
    struct fake_sent *sent = &fake->log[fake->log_count++];
    struct coap_message_block block;
    struct bytes value;

    assert_true(fake->log_count < FAKE_LOG_MAX);
    if (fake->log_count == 1)
        fake->replies_before_first_fetch = fake->replies;
    *sent = (struct fake_sent){ .at_ms = fake->now_ms,
                                .channel = channel,
                                .code = message->code,
                                .id = message->id,
                                .token_size = message->token.size,
                                .block = -1,
                                .payload_size = message->payload.size };
    assert_int_equal(coap_message_path(message, sent->path, sizeof(sent->path)), 0);
    note_query(message, sent->query, sizeof(sent->query));
    if (coap_message_find_option(message, COAP_MSG_OPT_BLOCK2, &value) &&
        coap_message_block_decode(value, &block) == 0) {
        sent->block = (int)block.number;
        sent->exponent = block.size_exponent;
    }
    if (message->payload.size > 0)
        memcpy(sent->payload, message->payload.data, message->payload.size);
    return sent;
}

static const struct fake_object *find(const struct fake *fake, const char *path)
{
    for (size_t i = 0; i < fake->object_count; i++)
        if (strcmp(fake->objects[i].path, path) == 0)
            return &fake->objects[i];
    return NULL;
}

static void answer_get(struct fake *fake, const struct fake_sent *sent, struct coap_message_writer *writer,
                       const struct coap_message *message)
{
    const struct fake_object *object = find(fake, sent->path);
    struct coap_message_block block = { .number = sent->block < 0 ? 0 : (uint32_t)sent->block,
                                        .size_exponent = sent->exponent };

    writer->out[1] = object == NULL ? COAP_MSG_NOT_FOUND : COAP_MSG_CONTENT;
    (void)message;
    if (object == NULL)
        return;
    if (sent->block < 0) {
        coap_message_add_payload(writer, bytes_view(object->data, object->size));
        return;
    }
    if (block.size_exponent > fake->largest_exponent) {
        block.number <<= block.size_exponent - fake->largest_exponent;
        block.size_exponent = fake->largest_exponent;
    }
    size_t size = coap_message_block_size(block.size_exponent), start = block.number * size;
    size_t left = start < object->size ? object->size - start : 0;
    block.more = left > size;
    coap_message_add_block(writer, COAP_MSG_OPT_BLOCK2, &block);
    coap_message_add_payload(writer, bytes_view(object->data + start, block.more ? size : left));
}

static void answer_post(struct fake *fake, const struct fake_sent *sent, struct coap_message_writer *writer)
{
    writer->out[1] = fake->post_code;
    if (strcmp(sent->path, "rd") == 0 && fake->post_code < COAP_MSG_BAD_REQUEST) {
        writer->out[1] = COAP_MSG_CREATED;
        coap_message_add_path(writer, COAP_MSG_OPT_LOCATION_PATH, bytes_of_text("rd/here"));
    }
}

static void serve(struct fake *fake, int channel, const struct coap_message *message)
{
    uint8_t out[2048];
    struct coap_message_writer writer;
    const struct fake_sent *sent = note(fake, channel, message);
    size_t size;

    if (fake->mute || (sent->code == COAP_MSG_GET && fake->serve_blocks == 0) ||
        (sent->code == COAP_MSG_POST && fake->deaf_to_posts))
        return;
    if (sent->code == COAP_MSG_GET && fake->serve_blocks > 0)
        fake->serve_blocks--;
    coap_message_begin(&writer, out, sizeof(out), COAP_MSG_ACK, COAP_MSG_CONTENT, message->id, message->token);
    if (fake->only_empty)
        coap_message_begin(&writer, out, sizeof(out), COAP_MSG_ACK, COAP_MSG_EMPTY, message->id, bytes_view(NULL, 0));
    else if (sent->code == COAP_MSG_GET)
        answer_get(fake, sent, &writer, message);
    else
        answer_post(fake, sent, &writer);
    assert_int_equal(coap_message_finish(&writer, &size), 0);
    device_receive(&fake->device, channel, &fake->daemon, bytes_view(out, size), fake->now_ms);
}

static void take_reply(struct fake *fake, const struct coap_message *message)
{
    fake->replies++;
    fake->reply = (struct fake_reply){ .came = true, .type = message->type, .code = message->code, .id = message->id };
    snprintf(fake->reply.text, sizeof(fake->reply.text), "%.*s", (int)message->payload.size,
             message->payload.size > 0 ? (const char *)message->payload.data : "");
}

static void pump(struct fake *fake)
{
    for (size_t i = 0; i < fake->outbox_count; i++) {
        struct coap_message message;
        uint8_t copy[2048];
        memcpy(copy, fake->outbox[i].data, fake->outbox[i].size);
        struct bytes datagram = bytes_view(copy, fake->outbox[i].size);
        assert_int_equal(coap_message_parse(datagram, &message), 0);
        if (endpoint_equal(&fake->outbox[i].to, &fake->client))
            take_reply(fake, &message);
        else if (message.code > 0 && message.code < 32)
            serve(fake, fake->outbox[i].channel, &message);
    }
    fake->outbox_count = 0;
}

/* ---- time ---- */

void fake_run_until(struct fake *fake, int64_t until_ms)
{
    pump(fake);
    while (fake->device.due_ms <= until_ms) {
        if (fake->device.due_ms > fake->now_ms)
            fake->now_ms = fake->device.due_ms;
        device_tick(&fake->device, fake->now_ms);
        pump(fake);
    }
    fake->now_ms = until_ms;
}

void fake_run(struct fake *fake, int64_t ms)
{
    fake_run_until(fake, fake->now_ms + ms);
}

/* ---- the test's requests ---- */

void fake_deliver(struct fake *fake, struct bytes datagram)
{
    fake->reply.came = false;
    device_receive(&fake->device, FAKE_SERVER, &fake->client, datagram, fake->now_ms);
    pump(fake);
}

void fake_ask(struct fake *fake, enum coap_message_code code, const char *path, struct bytes payload)
{
    static uint16_t id = 0x1000;
    uint8_t out[2048];
    struct coap_message_writer writer;
    size_t size;

    coap_message_begin(&writer, out, sizeof(out), COAP_MSG_CON, (uint8_t)code, id++, bytes_of_text("tk"));
    coap_message_add_path(&writer, COAP_MSG_OPT_URI_PATH, bytes_of_text(path));
    coap_message_add_payload(&writer, payload);
    assert_int_equal(coap_message_finish(&writer, &size), 0);
    fake_deliver(fake, bytes_view(out, size));
}

void fake_trigger(struct fake *fake, const char *url)
{
    fake_ask(fake, COAP_MSG_POST, "suit/trigger", bytes_view(url, strlen(url) + 1));
}

void fake_serve(struct fake *fake, const char *path, struct bytes data)
{
    struct fake_object *object = (struct fake_object *)find(fake, path);

    if (object == NULL)
        object = &fake->objects[fake->object_count++];
    assert_true(data.size <= sizeof(object->data));
    snprintf(object->path, sizeof(object->path), "%s", path);
    memcpy(object->data, data.data, data.size);
    object->size = data.size;
}

/* ---- manifests ---- */

static void write_manifest(struct fake *fake, const struct fake_order *order, const struct crypto_key *key)
{
    const struct kind *kind = fake->fleet.kind;
    char slot[2] = { (char)('0' + order->slot), '\0' };
    struct suit_order suit = { .dialect = kind->dialect,
                               .sequence = order->sequence,
                               .size = order->size != 0 ? order->size : order->image.size,
                               .uri = bytes_of_text("coap://127.0.0.1:7000/i"),
                               .component = { .count = 2 } };
    uint8_t envelope[SUIT_ORDER_SIZE_MAX], token[TOKEN_SIZE_MAX];
    struct bytes no_kid = { NULL, 0 };
    struct proto_signer signer;
    size_t size, token_size;

    suit.component.parts[0] = bytes_of_text(kind->component);
    suit.component.parts[1] = bytes_of_text(slot);
    memcpy(suit.vendor_id, fake->fleet.vendor_id, SUIT_ID_SIZE);
    memcpy(suit.class_id, fake->fleet.class_id, SUIT_ID_SIZE);
    if (order->class_name != NULL)
        suit_class_id(&fake->fleet.crypto, suit.vendor_id, bytes_of_text(order->class_name), suit.class_id);
    fake->fleet.crypto.sha256(NULL, order->image, suit.digest);
    if (order->wrong_digest)
        suit.digest[0] ^= 1;
    crypto_key_signer(key, &signer);
    assert_int_equal(suit_manifest_write(&suit, &fake->fleet.crypto, &signer, envelope, sizeof(envelope), &size), 0);
    if (order->token != NULL) {
        struct token_claims claims = *order->token;
        if (claims.digest.data == NULL)
            claims.digest = bytes_view(suit.digest, DIGEST_SIZE);
        assert_int_equal(token_write(&claims, TOKEN_STANDARD, no_kid, &signer, token, sizeof(token), &token_size), 0);
        assert_int_equal(token_attach(envelope, size, sizeof(envelope), bytes_view(token, token_size), &size), 0);
    }
    fake_serve(fake, "m", bytes_view(envelope, size));
}

void fake_publish(struct fake *fake, const struct fake_order *order)
{
    struct crypto_key *foreign = NULL;

    if (order->foreign_key)
        assert_int_equal(crypto_key_generate(KEY_ED25519, &foreign), 0);
    write_manifest(fake, order, order->foreign_key ? foreign : fake->maintainer);
    crypto_key_free(foreign);
    fake_serve(fake, "i", order->image);
}

void fake_roll_out(struct fake *fake, const struct fake_order *order)
{
    fake_publish(fake, order);
    fake_trigger(fake, "coap://127.0.0.1:7000/m");
    assert_int_equal(fake->reply.code, COAP_MSG_CREATED);
    fake_run(fake, 100);
}

/* ---- looking back ---- */

size_t fake_count(const struct fake *fake, const char *path)
{
    size_t count = 0;

    for (size_t i = 0; i < fake->log_count; i++)
        count += strcmp(fake->log[i].path, path) == 0;
    return count;
}

const struct fake_sent *fake_last(const struct fake *fake, const char *path)
{
    for (size_t i = fake->log_count; i-- > 0;)
        if (strcmp(fake->log[i].path, path) == 0)
            return &fake->log[i];
    return NULL;
}

uint64_t fake_events(const struct fake *fake, enum event event)
{
    return fake->fleet.counts[event];
}

/* ---- life ---- */

int fake_setup(void **state)
{
    struct fake *fake = calloc(1, sizeof(*fake));
    struct proto_signer signer;

    if (fake == NULL)
        return -1;
    *state = fake;
    fake->now_ms = 1000000;
    fake->serve_blocks = -1;
    fake->largest_exponent = 6;
    fake->post_code = COAP_MSG_CHANGED;
    endpoint_parse(bytes_of_text("127.0.0.1:7000"), 0, &fake->daemon);
    endpoint_parse(bytes_of_text("127.0.0.1:7001"), 0, &fake->client);
    snprintf(fake->state, sizeof(fake->state), "/tmp/tinypart-virtual-XXXXXX");
    if (mkdtemp(fake->state) == NULL || crypto_key_generate(KEY_ED25519, &fake->maintainer) != 0)
        return -1;
    crypto_key_signer(fake->maintainer, &signer);
    fake->fleet = (struct fleet){ .wire = { fake, wire_open, wire_close, wire_send },
                                  .trust = { signer.key },
                                  .trust_count = 1,
                                  .has_directory = true,
                                  .directory = fake->daemon,
                                  .lifetime_s = 3600,
                                  .sensors = fake->sensors,
                                  .interval_ms = 1000,
                                  .policy_every_ms = 60000,
                                  .seed = 7,
                                  .unix_offset_ms = 1700000000000,
                                  .on_event = on_event,
                                  .event_context = fake };
    crypto_openssl_proto(&fake->fleet.crypto);
    crypto_openssl_random(&fake->fleet.random);
    return 0;
}

static void remove_tree(const char *path)
{
    char inner[512];
    struct dirent *entry;
    DIR *directory = opendir(path);

    while (directory != NULL && (entry = readdir(directory)) != NULL) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        snprintf(inner, sizeof(inner), "%s/%s", path, entry->d_name);
        if (entry->d_type == DT_DIR)
            remove_tree(inner);
        else
            unlink(inner);
    }
    if (directory != NULL)
        closedir(directory);
    rmdir(path);
}

int fake_teardown(void **state)
{
    struct fake *fake = *state;

    if (fake->device.fleet != NULL)
        device_deinit(&fake->device);
    for (size_t i = 0; i < fake->fleet.sensor_count; i++)
        sensor_close(&fake->sensors[i]);
    crypto_key_free(fake->maintainer);
    remove_tree(fake->state);
    bool leaks = fake->open != 0;
    free(fake);
    return leaks ? -1 : 0;
}

void fake_sensor(struct fake *fake, const char *text)
{
    assert_int_equal(sensor_open(text, &fake->sensors[fake->fleet.sensor_count++], NULL), 0);
}

void fake_vector(struct fake *fake, const char *text)
{
    assert_int_equal(sensor_open_vector(text, &fake->sensors[fake->fleet.sensor_count++], NULL), 0);
}

void fake_boot(struct fake *fake, const char *profile, bool keeps)
{
    struct fleet *fleet = &fake->fleet;

    fleet->kind = kind_find(profile);
    assert_non_null(fleet->kind);
    fleet->registers = kind_has(fleet->kind, KIND_TINYPART);
    fleet->state_directory = keeps ? fake->state : NULL;
    snprintf(fleet->board, sizeof(fleet->board), "%s", fleet->kind->class_name);
    assert_int_equal(suit_vendor_id(&fleet->crypto, bytes_of_text(fleet->kind->vendor), fleet->vendor_id), 0);
    assert_int_equal(
        suit_class_id(&fleet->crypto, fleet->vendor_id, bytes_of_text(fleet->kind->class_name), fleet->class_id), 0);
    device_init(&fake->device, fleet, 0, "dev-1", FAKE_SERVER);
    assert_int_equal(device_start(&fake->device, fake->now_ms), 0);
    fake_run(fake, 1);
}
