/* exec.c - the interpreter at work.
 * Profile tinypart runs what is installed, and verifies it first. TinyPART's RIOT build runs whatever bytes are in the
 * slot, however they came there: it believes the header, looks at instructions only until one image has passed, and
 * answers a fault with a number, too. Memory stays safe in both: device_proto/container_run.h checks every access. */
#include "device_proto/virtual/exec.h"

#include <stdio.h>
#include <stdlib.h>

#include "daemon/base/cleanup.h"
#include "device_proto/container_prove.h"
#include "device_proto/virtual/sensors.h"

enum { OPCODE_CALL = 0x85, CLASS_MASK = 0x07, CLASS_BRANCH = 0x05 };

static int read_saul(void *context, size_t index, struct container_reading *out)
{
    struct device *device = context;
    const struct sensor *sensor = &device->fleet->sensors[index];
    struct decimal value;

    if (sensor_read(sensor, device, &value) != 0)
        return 1;
    sensor_saul(sensor, &value, out);
    return 0;
}

static uint32_t now_us(void *context)
{
    const struct device *device = context;

    return (uint32_t)((device->now_ms - device->boot_ms) * 1000); /* RIOT's timer starts with the board */
}

/* Those that containers read: vectors of containers come behind them. */
static size_t board_sensors(const struct device *device)
{
    size_t count = 0;

    while (count < device->fleet->sensor_count && device->fleet->sensors[count].dimension == 0)
        count++;
    return count;
}

/* 0 with *out set, or a fault of this host. */
static int run(struct device *device, const struct container *container, uint32_t *local, size_t helpers,
               struct container_outcome *out)
{
    uint8_t types[DEVICE_SENSORS_MAX], context[64] = { 0 };
    struct container_sensors sensors = { .context = device,
                                         .types = types,
                                         .count = board_sensors(device),
                                         .read = read_saul,
                                         .now_us = now_us,
                                         .local = local,
                                         .local_count = local != NULL ? EXEC_LOCAL_MAX : 0 };
    _cleanup_free_ uint8_t *data = malloc(container->data.size + 1);

    if (data == NULL)
        return -1;
    if (container->data.size > 0)
        memcpy(data, container->data.data, container->data.size);
    for (size_t i = 0; i < sensors.count; i++)
        types[i] = device->fleet->sensors[i].type;
    const struct container_host host = { .context = &sensors,
                                         .helpers = container_standard_helpers,
                                         .helper_count = helpers,
                                         .branches_max = CONTAINER_BRANCHES_MAX,
                                         .neg_is_8f = true,
                                         .data = data,
                                         .run_context = context,
                                         .run_context_size = sizeof(context) };
    return container_run(container, &host, out);
}

static void print_result(int64_t result, char out_text[EXEC_TEXT_SIZE])
{
    size_t size = container_result_print(result, out_text);

    out_text[size] = '\0';
}

/* ---- TinyPART's RIOT build ---- */

static uint32_t word(const uint8_t *at)
{
    return at[0] | ((uint32_t)at[1] << 8) | ((uint32_t)at[2] << 16) | ((uint32_t)at[3] << 24);
}

/* Takes the slot's memory for a container without a question; what the header puts outside of it is cut off. */
static void believe(struct bytes memory, struct container *out)
{
    size_t at = CONTAINER_HEADER_SIZE;
    struct bytes *sections[] = { &out->data, &out->rodata, &out->text };

    *out = (struct container){ .file = memory };
    for (size_t i = 0; i < 3; i++) {
        size_t size = word(memory.data + 12 + 4 * i);
        if (size > memory.size - at)
            size = memory.size - at;
        *sections[i] = bytes_view(memory.data + at, size);
        at += size;
    }
}

static bool is_known_call(int32_t number)
{
    for (size_t i = 0; i < CONTAINER_SENSOR_HELPERS; i++)
        if (container_standard_helpers[i].number == (uint32_t)number)
            return true;
    return false;
}

/* What the device looks at before its first success: registers, jump targets, calls, and that the end is an exit. */
static bool preflight(const struct container *container)
{
    uint32_t count = (uint32_t)(container->text.size / CONTAINER_INSTRUCTION_SIZE);
    struct container_instruction instruction = { 0 };

    if (count == 0 || container->text.size % CONTAINER_INSTRUCTION_SIZE != 0)
        return false;
    for (uint32_t i = 0; i < count; i++) {
        instruction = container_instruction(container, i);
        if (instruction.destination > 10 || instruction.source > 10)
            return false;
        if (instruction.opcode == OPCODE_WIDE) {
            i++;
            continue;
        }
        int64_t target = (int64_t)i + instruction.offset;
        if ((instruction.opcode & CLASS_MASK) == CLASS_BRANCH && (target < 0 || target >= count))
            return false;
        if (instruction.opcode == OPCODE_CALL && !is_known_call(instruction.immediate))
            return false;
    }
    return container_instruction(container, count - 1).opcode == OPCODE_EXIT;
}

static enum exec_end exec_believing(struct device *device, size_t slot, char out_text[EXEC_TEXT_SIZE])
{
    static const uint8_t nothing[CONTAINER_HEADER_SIZE];
    const struct slot *held = &device->slots[slot];
    struct bytes memory = held->memory == NULL ? bytes_view(nothing, sizeof(nothing))
                                               : bytes_view(held->memory, device->fleet->kind->slot_size);
    struct container container;
    struct container_outcome outcome = { .result = -1 };
    bool ran = false;

    believe(memory, &container);
    if (device->preflight_done || preflight(&container)) {
        device->preflight_done = true;
        ran = run(device, &container, NULL, CONTAINER_SENSOR_HELPERS, &outcome) == 0;
    }
    print_result(outcome.result, out_text);
    bool fault = !ran || outcome.fault != CONTAINER_RAN;
    device_event(device, fault ? EVENT_EXEC_FAULT : EVENT_EXEC, "slot %zu: %s%s%s", slot, out_text,
                 fault ? ", really: " : "",
                 !fault ? ""
                 : !ran ? "the look before the run refused it"
                        : container_fault_text(outcome.fault));
    return EXEC_ANSWERED;
}

/* ---- profile tinypart ---- */

static enum exec_end exec_verified(struct device *device, size_t slot, char out_text[EXEC_TEXT_SIZE])
{
    struct slot *held = &device->slots[slot];
    struct bytes file = bytes_view(held->memory, held->size);
    uint32_t helpers[CONTAINER_STANDARD_HELPERS];
    struct container_limits limits = { .size_max = device->fleet->kind->slot_size,
                                       .branches_max = CONTAINER_BRANCHES_MAX,
                                       .helpers = helpers,
                                       .helper_count = CONTAINER_STANDARD_HELPERS,
                                       .section_loads = true,
                                       .neg_is_8f = true };
    struct container container;
    struct container_problem problem = { .at_instruction = false };
    struct container_outcome outcome;
    const char *fault = NULL;

    if (!held->installed)
        return EXEC_EMPTY;
    for (size_t i = 0; i < CONTAINER_STANDARD_HELPERS; i++)
        helpers[i] = container_standard_helpers[i].number;
    _cleanup_free_ struct container_scratch *scratch = malloc(sizeof(*scratch));
    if (held->local == NULL)
        held->local = calloc(EXEC_LOCAL_MAX, sizeof(*held->local));
    if (scratch == NULL || held->local == NULL)
        fault = "no memory";
    else if (container_judge(file, &limits, 0, scratch, &problem, NULL) == CONTAINER_REFUSED ||
             container_parse(file, &container) != 0)
        fault = container_reason_text((int)problem.reason);
    else if (run(device, &container, held->local, CONTAINER_STANDARD_HELPERS, &outcome) != 0)
        fault = "the host failed";
    else if (outcome.fault != CONTAINER_RAN)
        fault = container_fault_text(outcome.fault);
    if (fault != NULL) {
        snprintf(out_text, EXEC_TEXT_SIZE, "%s", fault);
        device_event(device, EVENT_EXEC_FAULT, "slot %zu: %s", slot, fault);
        return EXEC_FAULT;
    }
    print_result(outcome.result, out_text);
    device_event(device, EVENT_EXEC, "slot %zu: %s", slot, out_text);
    return EXEC_ANSWERED;
}

enum exec_end exec_slot(struct device *device, size_t slot, char out_text[EXEC_TEXT_SIZE])
{
    if (kind_has(device->fleet->kind, KIND_RUNS_UNVERIFIED))
        return exec_believing(device, slot, out_text);
    return exec_verified(device, slot, out_text);
}
