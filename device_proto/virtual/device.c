/* device.c - the life of a device: boot, steps, and the ways in which it ends.
 * A step may find that this life is over (a fault, a crash) deep inside of it; it only says so, and the end comes when
 * the step is done, so that nothing is freed under anybody's feet. */
#include "device_proto/virtual/device.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "daemon/base/text.h"
#include "device_proto/virtual/ask.h"
#include "device_proto/virtual/report.h"
#include "device_proto/virtual/server.h"
#include "device_proto/virtual/state.h"
#include "device_proto/virtual/telemetry.h"
#include "device_proto/virtual/update.h"

enum { BOOT_LEAST_MS = 1000, BOOT_SPREAD_MS = 500 };

static const char *const event_names[EVENT_COUNT] = {
    [EVENT_BOOT] = "boot",
    [EVENT_TRIGGER] = "trigger",
    [EVENT_TRIGGER_LOST] = "trigger-lost",
    [EVENT_BLOCKED] = "blocked",
    [EVENT_FETCH] = "fetch",
    [EVENT_FETCH_FAILED] = "fetch-failed",
    [EVENT_REFUSED] = "refused",
    [EVENT_INSTALLED] = "installed",
    [EVENT_EXEC] = "exec",
    [EVENT_EXEC_FAULT] = "exec-fault",
    [EVENT_CRASH] = "crash",
    [EVENT_REBOOT] = "reboot",
    [EVENT_POWER_CUT] = "power-cut",
    [EVENT_REGISTERED] = "registered",
    [EVENT_REGISTER_FAILED] = "register-failed",
    [EVENT_POLICY] = "policy",
    [EVENT_POLICY_REFUSED] = "policy-refused",
    [EVENT_NO_POLICY] = "no-policy",
    [EVENT_TELEMETRY] = "telemetry",
    [EVENT_TELEMETRY_TAKEN] = "telemetry-taken",
    [EVENT_TELEMETRY_REFUSED] = "telemetry-refused",
    [EVENT_TELEMETRY_LOST] = "telemetry-lost",
    [EVENT_REPORT] = "report",
    [EVENT_REPORT_TAKEN] = "report-taken",
    [EVENT_REPORT_LOST] = "report-lost",
    [EVENT_REQUEST_DROPPED] = "request-dropped",
    [EVENT_RETRANSMIT] = "retransmit",
    [EVENT_FAULT] = "fault",
};

const char *event_name(enum event event)
{
    return event_names[event];
}

void device_event(struct device *device, enum event event, const char *format, ...)
{
    struct fleet *fleet = device->fleet;
    char text[512];
    va_list arguments;

    fleet->counts[event]++;
    if (fleet->on_event == NULL)
        return;
    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    fleet->on_event(fleet->event_context, device, event, text);
}

int64_t device_unix_ms(const struct device *device)
{
    return device->now_ms + device->fleet->unix_offset_ms;
}

void device_go_down(struct device *device, enum event why)
{
    if (device->going_down == EVENT_BOOT)
        device->going_down = why;
}

void device_init(struct device *device, struct fleet *fleet, unsigned index, const char *name, int server)
{
    *device = (struct device){ .fleet = fleet, .index = index, .server = server, .due_ms = INT64_MAX };
    text_copy(device->name, sizeof(device->name), name);
    dice_seed(&device->dice, fleet->seed, index);
    device->next_id = (uint16_t)dice_roll(&device->dice);
}

/* Everything that a power cut takes away. */
static void forget(struct device *device)
{
    update_drop(device);
    server_drop(device);
    exchange_cancel(&device->ask);
    report_drop(device);
    faults_drop(device);
    for (size_t i = 0; i < KIND_SLOTS_MAX; i++) {
        free(device->slots[i].memory);
        free(device->slots[i].local);
        device->slots[i] = (struct slot){ 0 };
    }
    free(device->telemetry);
    device->telemetry = NULL;
    device->sequence = 0;
    device->queued = 0;
    device->triggered = false;
    device->preflight_done = false;
    device->asking = ASKING_NOTHING;
    device->telemetry_next = device->telemetry_reserved = 0;
    device->up = false;
}

void device_deinit(struct device *device)
{
    forget(device);
    crypto_key_free(device->key);
    free(device->policy_draft);
    device->key = NULL;
}

static int boot(struct device *device)
{
    const struct fleet *fleet = device->fleet;
    int r = 0;

    device->up = true;
    device->boot_ms = device->now_ms;
    device->going_down = EVENT_BOOT;
    if (kind_has(fleet->kind, KIND_TINYPART) && fleet->sensor_count > 0) {
        device->telemetry = calloc(fleet->sensor_count, sizeof(*device->telemetry));
        r = device->telemetry == NULL ? -ENOMEM : 0;
    }
    if (r == 0)
        r = state_load(device);
    if (r == 0 && kind_has(fleet->kind, KIND_TINYPART))
        r = state_key(device);
    if (r != 0) {
        device_event(device, EVENT_FAULT, "does not boot: %s", strerror(-r));
        forget(device);
        device->crashed = true;
        return r;
    }
    if (device->telemetry_next == 0) /* numbers must rise over all lives, also where none are kept */
        device->telemetry_next = fleet->state_directory != NULL ? 1 : (uint64_t)device_unix_ms(device);
    register_plan(device);
    telemetry_plan(device);
    device_event(device, EVENT_BOOT, "%s, sequence number %llu", fleet->kind->name,
                 (unsigned long long)device->sequence);
    return 0;
}

static int64_t next_due(const struct device *device)
{
    int64_t due_ms = INT64_MAX;

    if (!device->up)
        return device->crashed ? INT64_MAX : device->boot_ms;
    const int64_t all[] = { faults_due(device), update_due(device), server_due(device), ask_due(device) };
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
        if (all[i] < due_ms)
            due_ms = all[i];
    return due_ms;
}

static void end_life(struct device *device)
{
    enum event why = device->going_down;

    if (why == EVENT_REBOOT || why == EVENT_POWER_CUT)
        device_event(device, why, "down for a moment");
    forget(device);
    device->boot_ms = device->now_ms + BOOT_LEAST_MS + dice_below(&device->dice, BOOT_SPREAD_MS);
}

/* After every step: what became due by it, the end if it came, and when to wake up next. */
static void settle(struct device *device)
{
    if (device->up && device->going_down == EVENT_BOOT)
        server_tick(device);
    if (device->triggered && device->up && device->going_down == EVENT_BOOT) {
        device->triggered = false;
        update_start(device);
    }
    if (device->up && device->going_down == EVENT_BOOT)
        ask_next(device);
    if (device->going_down != EVENT_BOOT && device->up)
        end_life(device);
    device->due_ms = next_due(device);
}

int device_start(struct device *device, int64_t now_ms)
{
    device->now_ms = now_ms;
    int r = boot(device);
    settle(device);
    return r;
}

void device_deliver(struct device *device, int channel, const struct endpoint *from, struct bytes datagram)
{
    struct coap_message message;

    if (!device->up || device->going_down != EVENT_BOOT)
        return;
    if (channel == device->server)
        server_receive(device, from, datagram);
    else if (coap_message_parse(datagram, &message) == 0)
        update_receive(device, channel, from, &message);
}

void device_receive(struct device *device, int channel, const struct endpoint *from, struct bytes datagram,
                    int64_t now_ms)
{
    device->now_ms = now_ms;
    if (device->up)
        faults_receive(device, channel, from, datagram);
    settle(device);
}

void device_tick(struct device *device, int64_t now_ms)
{
    device->now_ms = now_ms;
    if (!device->up) {
        if (!device->crashed && now_ms >= device->boot_ms)
            boot(device);
    } else {
        faults_release(device);
        update_tick(device);
        if (device->going_down == EVENT_BOOT)
            exchange_tick(device, &device->ask);
    }
    settle(device);
}

void device_power_cycle(struct device *device, int64_t now_ms)
{
    device->now_ms = now_ms;
    device->crashed = false;
    if (device->up) {
        device_go_down(device, EVENT_REBOOT);
        settle(device);
        return;
    }
    device->boot_ms = now_ms + BOOT_LEAST_MS;
    device->due_ms = next_due(device);
}
