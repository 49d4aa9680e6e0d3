/* collect_poll.c - readings of devices that never post: their tenants' containers are asked, one at a time.
 *
 * What a container answers is a raw reading for its own tenant, which only a noised release may leave with. The next
 * poll is saved before the question leaves, so that a container that brings its device down is not asked again at once.
 * Deployed devices answer "-0.01" for a container that failed, which a container may also mean: such an answer is
 * counted and not kept, because a fault in an average does more harm than a missing hundredth below zero. */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/base/cleanup.h"
#include "daemon/base/text.h"
#include "daemon/core/access.h"
#include "daemon/core/accuracy.h"
#include "daemon/core/asking.h"
#include "daemon/core/audit.h"
#include "daemon/core/budget.h"
#include "daemon/core/collect.h"
#include "daemon/core/ports/store.h"
#include "daemon/core/texts.h"
#include "daemon/core/transaction.h"

#define POLLS_MAX     32 /* started in one tick */
#define BUSY_AGAIN_MS 5000
#define TURN_AGAIN_MS 700   /* another slot of the device has its turn; of no usual interval a divisor */
#define UNREADY_MS    60000 /* no policy, no grant, no address: look again */
#define ANSWER_OK     200
#define ANSWER_OK_END 300

/* ---- answers ---- */

/* "27.18" with at most that many digits behind the point; DECIMAL exponents and signs but "-" are no answer. */
static bool answer_parse(struct bytes payload, int digits, int64_t *out)
{
    char text[64];

    if (payload.size > 0 && payload.data[payload.size - 1] == '\0')
        payload.size--; /* some builds send the NUL along */
    if (text_copy_bytes(text, sizeof(text), payload) != 0 || strlen(text) != payload.size)
        return false;
    return fixed_parse(text, digits, out) == 0;
}

/* The last digit alone, below zero: -1 in the container's own integers. */
static bool answer_is_fault(int64_t value)
{
    return value == -1;
}

static int64_t power_of_ten(int digits)
{
    int64_t power = 1;

    for (int i = 0; i < digits; i++)
        power *= 10;
    return power;
}

/* From the container's digits to the policy's scale, rounded half to even. */
static int value_scale(int64_t value, int digits, int64_t scale, int64_t *out)
{
    return scaled_ratio(value, scale, power_of_ten(digits), out);
}

/* ---- polls ---- */

/* Who was asked, in the size of a pointer: nothing to allocate, nothing to lose. Devices have ids below 2^56. */
static void *poll_context(int64_t device_id, unsigned slot)
{
    return (void *)((uintptr_t)device_id * SLOTS_MAX + slot);
}

struct question {
    struct device device;
    struct profile profile;
    struct slot slot;
    struct image image;
    struct policy policy;
};

/* 0: all that it takes to ask is there. Refused: not at present. */
static int question_load(struct core *core, int64_t device_id, unsigned slot, struct question *out)
{
    struct store *store = core->store;

    int r = store->slot_get(store, device_id, slot, &out->slot);
    if (r == 0)
        r = store->device_by_id(store, device_id, &out->device);
    if (r == 0)
        r = store->profile_by_name(store, out->device.profile, &out->profile);
    if (r == 0 && out->slot.image_id == 0)
        r = REFUSED_UNKNOWN;
    if (r == 0)
        r = store->image_by_id(store, out->slot.image_id, &out->image);
    /* Devices that post are never asked: a raw answer would undo the noise that they add. */
    if (r == 0 && (out->image.sensor[0] == '\0' || out->profile.exec_path[0] == '\0' || out->profile.telemetry))
        r = REFUSED_UNKNOWN;
    if (r == 0)
        r = store->policy_newest(store, out->image.sensor, &out->policy);
    if (r == 0 && out->policy.dimension > 0) /* an answer is a number, and no vector */
        r = REFUSED_UNKNOWN;
    if (r == 0)
        r = grant_covers(core, out->slot.tenant_id, &out->device, (int)slot, out->image.sensor, NULL, 0, NULL);
    return r;
}

static int poll_store(struct core *core, const struct question *question, int64_t value)
{
    struct reading reading = {
        .device_id = question->device.id,
        .tenant_id = question->slot.tenant_id,
        .value = value,
        .scale = question->policy.scale,
        .policy_version = question->policy.version,
    };

    snprintf(reading.sensor, sizeof(reading.sensor), "%s", question->image.sensor);
    int r = core->store->begin(core->store);
    if (r != 0)
        return r;
    r = ledger_now_ms(core, &reading.received_ms);
    if (r == 0) {
        reading.epoch = ledger_epoch(core, reading.received_ms);
        r = core->store->reading_insert(core->store, &reading);
    }
    if (r == 0)
        r = core->store->device_seen(core->store, question->device.id, reading.received_ms);
    return transaction_end(core, r);
}

/* Policy and grant are looked up again: they may have gone while the container was thinking (I7). REFUSED_INVALID: this
 * is no reading. */
static int poll_keep(struct core *core, int64_t device_id, unsigned slot, const struct transport_answer *answer)
{
    _cleanup_free_ struct question *question = calloc(1, sizeof(*question));
    int64_t value;

    if (question == NULL)
        return -ENOMEM;
    if (answer->kind != ANSWER_RESPONSE || answer->code < ANSWER_OK || answer->code >= ANSWER_OK_END)
        return REFUSED_INVALID;
    int r = question_load(core, device_id, slot, question);
    if (r != 0)
        return r;
    if (!answer_parse(answer->payload, question->profile.answer_digits, &value) || answer_is_fault(value) ||
        value_scale(value, question->profile.answer_digits, question->policy.scale, &value) != 0)
        return REFUSED_INVALID;
    return poll_store(core, question, value);
}

static void poll_done(struct core *core, void *context, const struct transport_answer *answer)
{
    uintptr_t key = (uintptr_t)context;

    if (answer == NULL)
        return;
    int r = poll_keep(core, (int64_t)(key / SLOTS_MAX), (unsigned)(key % SLOTS_MAX), answer);
    core->counters[r == 0 ? COUNT_TELEMETRY_STORED : COUNT_POLL_FAULT]++;
    core_note_fault(core, r);
}

struct due_poll {
    int64_t device_id;
    unsigned slot;
    int64_t again_ms; /* from now */
    bool ready;
    char address[ADDRESS_SIZE];
    char path[48];
};

struct due_polls {
    struct due_poll rows[POLLS_MAX];
    unsigned count;
};

static int keep_due(void *context, const struct slot *slot)
{
    struct due_polls *due = context;

    due->rows[due->count++] = (struct due_poll){ .device_id = slot->device_id, .slot = slot->slot };
    return due->count == POLLS_MAX ? 1 : 0;
}

/* Two slots of one device may be due at once, and stay so for ever when their intervals are the same: after a restart
 * all are. The later one goes a moment after the other, and keeps that distance. */
static bool turn_is_taken(const struct core *core, const struct due_polls *due, const struct due_poll *row)
{
    for (const struct due_poll *other = due->rows; other < row; other++)
        if (other->ready && other->device_id == row->device_id)
            return true;
    return asking_is_busy(core, row->device_id);
}

/* A device that has anything under way is left alone (I10). */
static int device_is_free(struct core *core, int64_t device_id, bool *out)
{
    struct step step;

    *out = false;
    if (asking_is_busy(core, device_id))
        return 0;
    int r = core->store->step_of_device(core->store, device_id, &step);
    *out = r == REFUSED_UNKNOWN;
    return r < 0 ? r : 0;
}

static int poll_plan(struct core *core, const struct due_polls *due, struct question *question, struct due_poll *row)
{
    bool is_free;

    row->again_ms = TURN_AGAIN_MS;
    if (turn_is_taken(core, due, row))
        return 0;
    int r = device_is_free(core, row->device_id, &is_free);
    if (r != 0)
        return r;
    row->again_ms = BUSY_AGAIN_MS;
    if (!is_free)
        return 0;
    row->again_ms = UNREADY_MS;
    r = question_load(core, row->device_id, row->slot, question);
    if (r != 0 || question->device.address[0] == '\0')
        return r < 0 ? r : 0;
    row->again_ms = question->policy.interval_ms;
    row->ready = profile_slot_text(question->profile.exec_path, row->slot, row->path, sizeof(row->path)) == 0;
    snprintf(row->address, sizeof(row->address), "%s", question->device.address);
    return 0;
}

static int polls_save(struct core *core, const struct due_polls *due, int64_t now_ms)
{
    int r = core->store->begin(core->store);

    if (r != 0)
        return r;
    for (unsigned i = 0; r == 0 && i < due->count; i++)
        r = core->store->slot_poll_again(core->store, due->rows[i].device_id, due->rows[i].slot,
                                         now_ms + due->rows[i].again_ms);
    return transaction_end(core, r);
}

static int polls_start(struct core *core, struct due_polls *due, struct question *question, int64_t now_ms)
{
    int r = core->store->slot_polls_due(core->store, now_ms, POLLS_MAX, keep_due, due);

    if (r < 0 || due->count == 0)
        return r < 0 ? r : 0;
    for (unsigned i = 0; i < due->count; i++) {
        r = poll_plan(core, due, question, &due->rows[i]);
        if (r != 0)
            return r;
    }
    r = polls_save(core, due, now_ms);
    for (unsigned i = 0; r == 0 && i < due->count; i++) {
        const struct due_poll *row = &due->rows[i];
        if (!row->ready)
            continue;
        r = asking_post(core, row->device_id, row->address, row->path, (struct bytes){ 0 }, poll_done,
                        poll_context(row->device_id, row->slot));
        if (r > 0) { /* an address that leads nowhere, or too much under way at once: at the next interval */
            core->counters[COUNT_POLL_FAULT]++;
            r = 0;
        }
    }
    return r;
}

int collect_tick(struct core *core, int64_t now_ms, int64_t *out_next_ms)
{
    struct due_polls *due = calloc(1, sizeof(*due));
    struct question *question = calloc(1, sizeof(*question));
    int r = due == NULL || question == NULL ? -ENOMEM : 0;

    if (r == 0)
        r = polls_start(core, due, question, now_ms);
    free(due);
    free(question);
    if (r != 0)
        return r;
    r = core->store->slot_next_poll(core->store, out_next_ms);
    if (r != REFUSED_UNKNOWN)
        return r;
    *out_next_ms = INT64_MAX;
    return 0;
}

/* ---- device run ---- */

struct run {
    run_done done;
    void *context;
    int digits;
};

static int run_refuse(const struct transport_answer *answer, struct why *why)
{
    static const char todo[] = "see tinypartctl device show";

    if (answer == NULL)
        return refuse(why, REFUSED_BUSY, "device", "ask again after the restart",
                      "the daemon stopped before the device answered");
    switch (answer->kind) {
    case ANSWER_RESPONSE:
        return refuse(why, REFUSED_CONFLICT, "slot", todo,
                      "the device answered %u.%02u: there may be no container in this slot", answer->code / 100,
                      answer->code % 100);
    case ANSWER_NONE:
        return refuse(why, REFUSED_BUSY, "device", todo, "the device did not answer");
    case ANSWER_RESET:
        return refuse(why, REFUSED_BUSY, "device", todo, "the device rejected the message");
    case ANSWER_UNREACHABLE:
        return refuse(why, REFUSED_BUSY, "device", todo, "the device's address cannot be reached");
    }
    return -EINVAL;
}

static void run_answered(struct core *core, void *context, const struct transport_answer *answer)
{
    struct run *run = context;
    struct run_answer out = { 0 };
    int64_t value;

    (void)core;
    if (answer != NULL)
        out.code = answer->code;
    if (answer != NULL && answer->kind == ANSWER_RESPONSE && answer->code >= ANSWER_OK &&
        answer->code < ANSWER_OK_END) {
        size_t size = answer->payload.size < sizeof(out.text) - 1 ? answer->payload.size : sizeof(out.text) - 1;
        text_copy_bytes(out.text, sizeof(out.text), bytes_view(answer->payload.data, size));
        out.looks_like_fault = !answer_parse(answer->payload, run->digits, &value) || answer_is_fault(value);
    } else {
        out.kind = run_refuse(answer, &out.why);
    }
    run->done(run->context, &out);
    free(run);
}

static int run_check(struct core *core, const char *name, unsigned slot, struct device *device, struct profile *profile,
                     struct why *why)
{
    bool is_free;

    int r = core->store->device_by_name(core->store, name, device);
    if (r == REFUSED_UNKNOWN)
        return refuse(why, REFUSED_UNKNOWN, "device", "see tinypartctl device list", "there is no device of that name");
    if (r == 0 && device->state != DEVICE_CLAIMED)
        return refuse(why, REFUSED_CONFLICT, "device", "claim it first: tinypartctl device claim",
                      "device %s is unclaimed", device->name);
    if (r == 0)
        r = core->store->profile_by_name(core->store, device->profile, profile);
    if (r != 0)
        return r;
    if (profile->exec_path[0] == '\0')
        return refuse(why, REFUSED_CONFLICT, "device", NULL, "containers on devices of profile %s cannot be asked",
                      profile->name);
    if (slot >= profile->slots)
        return refuse(why, REFUSED_INVALID, "slot", NULL, "devices of profile %s have slots 0 to %u", profile->name,
                      profile->slots - 1);
    if (device->address[0] == '\0')
        return refuse(why, REFUSED_CONFLICT, "device", "let it register, or give its address",
                      "nobody knows the address of device %s", device->name);
    r = device_is_free(core, device->id, &is_free);
    if (r == 0 && !is_free)
        return refuse(why, REFUSED_BUSY, "device", "try again in a moment", "device %s has something under way",
                      device->name);
    return r;
}

static int run_audit(struct core *core, const struct caller *caller, const struct device *device, unsigned slot)
{
    struct detail detail = DETAIL;
    char subject[96];

    snprintf(subject, sizeof(subject), "device:%s", device->name);
    detail_number(&detail, "slot", slot);
    int r = core->store->begin(core->store);
    if (r != 0)
        return r;
    return transaction_end(core, audit_append(core, caller, "device.run", subject, 0, detail_end(&detail)));
}

int collect_run(struct core *core, const struct caller *caller, const char *name, unsigned slot, run_done done,
                void *context, struct why *why)
{
    struct profile profile;
    struct device device;
    char path[48];

    int r = access_check(caller, CAN_RUN_CONTAINERS, why);
    if (r == 0)
        r = run_check(core, name, slot, &device, &profile, why);
    if (r == 0)
        r = profile_slot_text(profile.exec_path, slot, path, sizeof(path));
    if (r == 0) /* what is asked is raw data of the owner's: noted before it is */
        r = run_audit(core, caller, &device, slot);
    if (r != 0)
        return r;
    struct run *run = malloc(sizeof(*run));
    if (run == NULL)
        return -ENOMEM;
    *run = (struct run){ done, context, profile.answer_digits };
    r = asking_post(core, device.id, device.address, path, (struct bytes){ 0 }, run_answered, run);
    if (r != 0)
        free(run);
    if (r > 0)
        return refuse(why, REFUSED_BUSY, "device", "try again in a moment", "device %s cannot be asked now",
                      device.name);
    return r;
}
