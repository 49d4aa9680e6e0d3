/* state.c - files written to a temporary name, synced, renamed. One sync of the directory makes "state" and the images
 * that it refers to durable; a report whose name a power cut took away is one that nobody heard, no more. */
#include "device_proto/virtual/state.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/base/cleanup.h"
#include "daemon/base/text.h"
#include "device_proto/cbor.h"
#include "device_proto/virtual/sensors.h"
#include "device_proto/virtual/telemetry.h"

enum {
    PATH_MAX_HERE = 1024,
    STATE_SIZE_MAX = 8192 + DEVICE_SENSORS_MAX * (POLICY_DOC_MAX + 128 + NOISING_ANSWERS_MAX * 18),
    REPORT_FILE_MAX = 4096
};
enum state_member {
    STATE_SEQUENCE = 1,
    STATE_NUMBERS = 2,
    STATE_SLOTS = 3,
    STATE_SENSORS = 4,
    STATE_ANSWERS = 5, /* behind the sensors, whose policies they belong to */
};

static bool is_kept(const struct device *device)
{
    return device->fleet->state_directory != NULL && !kind_has(device->fleet->kind, KIND_VOLATILE);
}

static int path_of(const struct device *device, const char *file, char out[PATH_MAX_HERE])
{
    int size = snprintf(out, PATH_MAX_HERE, "%s/%s%s%s", device->fleet->state_directory, device->name,
                        file[0] == '\0' ? "" : "/", file);
    return size < 0 || size >= PATH_MAX_HERE ? -ENAMETOOLONG : 0;
}

static void slot_file(size_t slot, const uint8_t digest[DIGEST_SIZE], char out[40])
{
    char hex[17];

    hex_encode(bytes_view(digest, 8), hex);
    snprintf(out, 40, "slot%zu-%s", slot, hex);
}

/* ---- whole files ---- */

static int write_whole(int fd, struct bytes content)
{
    while (content.size > 0) {
        ssize_t written = write(fd, content.data, content.size);
        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0)
            return -errno;
        content = bytes_view(content.data + written, content.size - (size_t)written);
    }
    return fsync(fd) != 0 ? -errno : 0;
}

static int sync_directory(const struct device *device)
{
    char path[PATH_MAX_HERE];
    int r = path_of(device, "", path);

    if (r != 0)
        return r;
    _cleanup_close_ int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return fd < 0 || fsync(fd) != 0 ? -errno : 0;
}

/* The name is durable once the directory is synced: by state_save, for what "state" refers to. */
static int replace_file(const struct device *device, const char *file, struct bytes content)
{
    char path[PATH_MAX_HERE], temporary[PATH_MAX_HERE];
    int r = path_of(device, file, path);

    if (r == 0)
        r = path_of(device, "new", temporary);
    if (r != 0)
        return r;
    _cleanup_close_ int fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0)
        return -errno;
    r = write_whole(fd, content);
    return r == 0 && rename(temporary, path) != 0 ? -errno : r;
}

/* 0, -ENOENT, -E2BIG or another fault. */
static int read_file(const struct device *device, const char *file, uint8_t *out, size_t capacity, size_t *out_size)
{
    char path[PATH_MAX_HERE];
    size_t size = 0;
    int r = path_of(device, file, path);

    if (r != 0)
        return r;
    _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    while (size < capacity) {
        ssize_t got = read(fd, out + size, capacity - size);
        if (got < 0 && errno != EINTR)
            return -errno;
        if (got == 0)
            break;
        size += got > 0 ? (size_t)got : 0;
    }
    if (size == capacity)
        return -E2BIG;
    *out_size = size;
    return 0;
}

/* ---- "state" ---- */

static void write_slots(struct cbor_writer *writer, const struct device *device)
{
    uint64_t installed = 0;

    for (size_t i = 0; i < device->fleet->kind->slots; i++)
        installed += device->slots[i].installed;
    cbor_write_array(writer, installed);
    for (size_t i = 0; i < device->fleet->kind->slots; i++) {
        if (!device->slots[i].installed)
            continue;
        cbor_write_array(writer, 3);
        cbor_write_uint(writer, i);
        cbor_write_uint(writer, device->slots[i].size);
        cbor_write_bytes(writer, bytes_view(device->slots[i].digest, DIGEST_SIZE));
    }
}

/* What may be given before the next save counts as given already. */
static void write_sensors(struct cbor_writer *writer, const struct device *device)
{
    size_t count = device->telemetry == NULL ? 0 : device->fleet->sensor_count;

    cbor_write_array(writer, count);
    for (size_t i = 0; i < count; i++) {
        const struct telemetry *telemetry = &device->telemetry[i];
        cbor_write_array(writer, 4);
        cbor_write_text_of(writer, device->fleet->sensors[i].name);
        cbor_write_int(writer, telemetry->epoch);
        cbor_write_uint(writer, (uint64_t)telemetry->given + TELEMETRY_STRIDE);
        cbor_write_bytes(writer, bytes_view(telemetry->document, telemetry->document_size));
    }
}

/* Memoised answers: they must be the same after a power cut. */
static void write_answers(struct cbor_writer *writer, const struct device *device)
{
    size_t count = device->telemetry == NULL ? 0 : device->fleet->sensor_count;

    cbor_write_array(writer, count);
    for (size_t i = 0; i < count; i++) {
        const struct noising *noising = &device->telemetry[i].noising;
        cbor_write_array(writer, 3);
        cbor_write_text_of(writer, device->fleet->sensors[i].name);
        cbor_write_uint(writer, noising->offset);
        cbor_write_array(writer, 2 * noising_answer_count(noising));
        for (size_t k = 0; k < NOISING_ANSWERS_MAX; k++) {
            if (noising->answers[k].used == 0)
                continue;
            cbor_write_int(writer, noising->answers[k].value);
            cbor_write_int(writer, noising->answers[k].answer);
        }
    }
}

int state_save(struct device *device)
{
    uint8_t content[STATE_SIZE_MAX];
    struct cbor_writer writer = cbor_writer_on(content, sizeof(content));
    size_t size;

    if (!is_kept(device))
        return 0;
    cbor_write_map(&writer, 5);
    cbor_write_uint(&writer, STATE_SEQUENCE);
    cbor_write_uint(&writer, device->sequence);
    cbor_write_uint(&writer, STATE_NUMBERS);
    cbor_write_uint(&writer, device->telemetry_reserved);
    cbor_write_uint(&writer, STATE_SLOTS);
    write_slots(&writer, device);
    cbor_write_uint(&writer, STATE_SENSORS);
    write_sensors(&writer, device);
    cbor_write_uint(&writer, STATE_ANSWERS);
    write_answers(&writer, device);
    int r = cbor_writer_finish(&writer, &size) != 0 ? -EMSGSIZE : 0;
    if (r == 0)
        r = replace_file(device, "state", bytes_view(content, size));
    if (r == 0)
        r = sync_directory(device);
    if (r != 0)
        device_event(device, EVENT_FAULT, "the state could not be saved: %s", strerror(-r));
    return r;
}

static void load_slot(struct device *device, size_t i, size_t size, const uint8_t digest[DIGEST_SIZE])
{
    const struct proto_crypto *crypto = &device->fleet->crypto;
    struct slot *slot = &device->slots[i];
    uint8_t found[DIGEST_SIZE];
    char file[40];
    size_t got = 0;

    _cleanup_free_ uint8_t *memory = malloc(size + 1);
    slot_file(i, digest, file);
    if (memory == NULL || read_file(device, file, memory, size + 1, &got) != 0 || got != size ||
        crypto->sha256(crypto->context, bytes_view(memory, size), found) != 0 ||
        memcmp(found, digest, DIGEST_SIZE) != 0) {
        device_event(device, EVENT_FAULT, "the image in slot %zu is damaged; the slot is empty", i);
        return;
    }
    *slot = (struct slot){ .memory = memory, .size = size, .installed = true };
    memcpy(slot->digest, digest, DIGEST_SIZE);
    memory = NULL;
}

static void read_slots(struct cbor_reader *reader, struct device *device)
{
    const struct kind *kind = device->fleet->kind;
    struct cbor_list list = cbor_read_array(reader);
    uint8_t digest[DIGEST_SIZE];

    while (cbor_more(reader, &list)) {
        cbor_read_array_of(reader, 3);
        uint64_t slot = cbor_read_uint_max(reader, kind->slots - 1);
        uint64_t size = cbor_read_uint_max(reader, kind->slot_size);
        cbor_read_bytes_exact(reader, digest, sizeof(digest));
        if (reader->refusal == 0)
            load_slot(device, (size_t)slot, (size_t)size, digest);
    }
}

static void load_sensor(struct device *device, struct bytes name, int64_t epoch, uint32_t given, struct bytes document)
{
    for (size_t i = 0; i < device->fleet->sensor_count; i++) {
        if (!bytes_equal_text(name, device->fleet->sensors[i].name))
            continue;
        device->telemetry[i].epoch = epoch;
        device->telemetry[i].given = given;
        if (document.size > 0)
            policy_take(device, i, document); /* signed by a key we trust no more: gone */
    }
}

static void read_sensors(struct cbor_reader *reader, struct device *device)
{
    struct cbor_list list = cbor_read_array(reader);

    while (cbor_more(reader, &list)) {
        cbor_read_array_of(reader, 4);
        struct bytes name = cbor_read_text(reader);
        int64_t epoch = cbor_read_int(reader);
        uint64_t given = cbor_read_uint_max(reader, UINT32_MAX);
        struct bytes document = cbor_read_bytes(reader);
        if (reader->refusal == 0)
            load_sensor(device, name, epoch, (uint32_t)given, document);
    }
}

/* Of a sensor that this device has no more, or whose policy it trusts no more: read over. */
static struct noising *noising_of(struct device *device, struct bytes name)
{
    for (size_t i = 0; i < device->fleet->sensor_count; i++)
        if (bytes_equal_text(name, device->fleet->sensors[i].name) && device->telemetry[i].document_size > 0)
            return &device->telemetry[i].noising;
    return NULL;
}

static void read_answers(struct cbor_reader *reader, struct device *device)
{
    struct cbor_list list = cbor_read_array(reader);

    while (cbor_more(reader, &list)) {
        cbor_read_array_of(reader, 3);
        struct noising *noising = noising_of(device, cbor_read_text(reader));
        uint64_t offset = cbor_read_uint_max(reader, UINT32_MAX);
        struct cbor_list answers = cbor_read_array(reader);
        if (noising != NULL && reader->refusal == 0)
            noising->offset = (uint32_t)offset;
        while (cbor_more(reader, &answers)) {
            struct noise_memo memo = { noising != NULL ? noising->answers : NULL, NOISING_ANSWERS_MAX };
            int64_t value = cbor_read_int(reader);
            int64_t answer = cbor_more(reader, &answers) ? cbor_read_int(reader) : 0;
            if (noising != NULL && reader->refusal == 0 && noise_memo_keep(&memo, 0, value, answer) != 0)
                cbor_refuse(reader, CBOR_UNEXPECTED);
        }
    }
}

static int read_state(struct device *device, struct bytes content)
{
    struct cbor_reader reader = cbor_reader_on(content, CBOR_LENIENT);
    struct cbor_list list = cbor_read_map(&reader);

    while (cbor_more(&reader, &list)) {
        switch (cbor_read_uint(&reader)) {
        case STATE_SEQUENCE:
            device->sequence = cbor_read_uint(&reader);
            break;
        case STATE_NUMBERS:
            device->telemetry_next = device->telemetry_reserved = cbor_read_uint(&reader);
            break;
        case STATE_SLOTS:
            read_slots(&reader, device);
            break;
        case STATE_SENSORS:
            read_sensors(&reader, device);
            break;
        case STATE_ANSWERS:
            read_answers(&reader, device);
            break;
        default:
            cbor_skip(&reader);
        }
    }
    return cbor_reader_finish(&reader) != 0 ? -EBADMSG : 0;
}

static void load_report(struct device *device)
{
    uint8_t content[REPORT_FILE_MAX];
    size_t size;
    struct bytes path;

    if (read_file(device, "report", content, sizeof(content), &size) != 0)
        return;
    struct cbor_reader reader = cbor_reader_on(bytes_view(content, size), CBOR_LENIENT);
    cbor_read_array_of(&reader, 2);
    struct bytes to = cbor_read_text(&reader);
    struct bytes message = cbor_read_bytes(&reader);
    if (cbor_reader_finish(&reader) != 0 || message.size == 0 || url_parse(to, &device->report.to, &path) != 0)
        return;
    device->report.message = malloc(message.size);
    if (device->report.message == NULL)
        return;
    memcpy(device->report.message, message.data, message.size);
    device->report.size = message.size;
    device->report.due_ms = device->now_ms + dice_below(&device->dice, 1000);
}

int state_load(struct device *device)
{
    uint8_t content[STATE_SIZE_MAX];
    char path[PATH_MAX_HERE];
    size_t size;

    if (!is_kept(device))
        return 0;
    int r = path_of(device, "", path);
    if (r == 0 && mkdir(path, 0700) != 0 && errno != EEXIST)
        r = -errno;
    if (r == 0)
        r = read_file(device, "state", content, sizeof(content), &size);
    if (r == -ENOENT)
        return 0;
    if (r == 0)
        r = read_state(device, bytes_view(content, size));
    if (r == 0)
        load_report(device);
    return r;
}

/* ---- beside it ---- */

int state_write_slot(struct device *device, size_t slot)
{
    char file[40];

    if (!is_kept(device))
        return 0;
    slot_file(slot, device->slots[slot].digest, file);
    return replace_file(device, file, bytes_view(device->slots[slot].memory, device->slots[slot].size));
}

void state_forget_slot(struct device *device, size_t slot, const struct slot *before)
{
    char file[40], path[PATH_MAX_HERE];

    if (!is_kept(device) || !before->installed || memcmp(before->digest, device->slots[slot].digest, DIGEST_SIZE) == 0)
        return;
    slot_file(slot, before->digest, file);
    if (path_of(device, file, path) == 0)
        unlink(path);
}

int state_write_report(struct device *device)
{
    uint8_t content[REPORT_FILE_MAX];
    char path[PATH_MAX_HERE], to[ENDPOINT_TEXT_SIZE];
    struct cbor_writer writer = cbor_writer_on(content, sizeof(content));
    size_t size;

    if (!is_kept(device))
        return 0;
    if (device->report.message == NULL) {
        int r = path_of(device, "report", path);
        return r == 0 && unlink(path) != 0 && errno != ENOENT ? -errno : r;
    }
    endpoint_format(&device->report.to, to);
    cbor_write_array(&writer, 2);
    cbor_write_text_of(&writer, to);
    cbor_write_bytes(&writer, bytes_view(device->report.message, device->report.size));
    if (cbor_writer_finish(&writer, &size) != 0)
        return -EMSGSIZE;
    return replace_file(device, "report", bytes_view(content, size));
}

int state_key(struct device *device)
{
    char path[PATH_MAX_HERE];
    struct why why;
    int r;

    if (device->key != NULL)
        return 0;
    if (!is_kept(device))
        return crypto_key_generate(KEY_ED25519, &device->key);
    r = path_of(device, "key.pem", path);
    if (r != 0)
        return r;
    if (access(path, F_OK) == 0) {
        r = crypto_key_read_file(path, &device->key, &why);
        return r > 0 ? -EKEYREJECTED : r;
    }
    r = crypto_key_generate(KEY_ED25519, &device->key);
    if (r == 0)
        r = crypto_key_write_file(device->key, path, &why);
    return r > 0 ? -EIO : r;
}
