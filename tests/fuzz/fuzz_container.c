/* Any file, or (without the magic) any text put into a file: verified or refused; run whether or not it was verified.
 * What the verifier accepts never meets an unknown instruction, leaves its text, or calls a helper that is not there.
 */
#include <stdlib.h>

#include "device_proto/container_run.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define FILE_MAX 8192u

static void expect(bool condition)
{
    if (!condition)
        abort();
}

static int read_sensor(void *context, size_t index, struct container_reading *out)
{
    (void)context;
    *out = (struct container_reading){ .values = { 2137, -1, 7 }, .unit = 2, .scale = -2, .dimensions = 1 };
    return index == 1;
}

/* The addresses that a verified container hands to helpers are right whatever it computed before. */
static int checked_read(void *context, struct container_machine *machine, const uint64_t registers[CONTAINER_REGISTERS],
                        uint32_t *out)
{
    uint64_t room = registers[2] - CONTAINER_ADDRESS_STACK;

    expect(registers[1] == 0 || registers[1] == 0x5A550001u || registers[1] == 0x5A550002u);
    expect(room <= CONTAINER_STACK_SIZE - 8);
    return container_standard_helpers[2].call(context, machine, registers, out);
}

static int checked_wakeup(void *context, struct container_machine *machine,
                          const uint64_t registers[CONTAINER_REGISTERS], uint32_t *out)
{
    int r = container_standard_helpers[4].call(context, machine, registers, out);

    expect(r == 0);
    return r;
}

static int checked_fetch(void *context, struct container_machine *machine,
                         const uint64_t registers[CONTAINER_REGISTERS], uint32_t *out)
{
    int r = container_standard_helpers[6].call(context, machine, registers, out);

    expect(r == 0);
    return r;
}

static uint32_t now_us(void *context)
{
    (void)context;
    return 1000000;
}

/* 8 bytes of data, 8 of rodata, the input as whole instructions, and an exit. */
static struct bytes wrap(const uint8_t *data, size_t size, uint8_t out[FILE_MAX])
{
    uint32_t text = (uint32_t)(size / 8 * 8 + 8);

    if (text + 64 > FILE_MAX)
        text = FILE_MAX - 64;
    memset(out, 0, FILE_MAX);
    memcpy(out, "rBPF", 4);
    out[12] = 8;
    out[16] = 8;
    out[20] = (uint8_t)text;
    out[21] = (uint8_t)(text >> 8);
    if (size > 0)
        memcpy(out + 44, data, size < text - 8 ? size : text - 8);
    out[44 + text - 8] = 0x95;
    return bytes_view(out, 44 + text);
}

static void run(const struct container *container, bool neg_is_8f, bool verified, const struct container_facts *facts)
{
    static const uint8_t types[] = { CONTAINER_SENSOR_TEMPERATURE, CONTAINER_SENSOR_HUMIDITY };
    static uint8_t memory[FILE_MAX];
    const struct container_helper checked[] = { container_standard_helpers[0],
                                                container_standard_helpers[1],
                                                { CONTAINER_SAUL_READ, checked_read },
                                                container_standard_helpers[3],
                                                { CONTAINER_ZTIMER_PERIODIC_WAKEUP, checked_wakeup },
                                                container_standard_helpers[5],
                                                { CONTAINER_FETCH_LOCAL, checked_fetch } };
    static uint32_t local[4];
    struct container_sensors sensors = { NULL, types, 2, read_sensor, now_us, local, 4 };
    struct container_host host = { .context = &sensors,
                                   .helpers = verified ? checked : container_standard_helpers,
                                   .helper_count = CONTAINER_STANDARD_HELPERS,
                                   .branches_max = CONTAINER_BRANCHES_MAX,
                                   .neg_is_8f = neg_is_8f,
                                   .data = memory };
    struct container_outcome outcome;
    char text[CONTAINER_RESULT_TEXT_MAX];
    int32_t hundredths;

    expect(container->data.size <= sizeof(memory));
    expect(container_run(container, &host, &outcome) == 0);
    expect(container_result_parse(bytes_view(text, container_result_print(outcome.result, text)), &hundredths) == 0);
    if (!verified)
        return;
    expect(outcome.fault == CONTAINER_RAN || outcome.fault == CONTAINER_FAULT_MEMORY ||
           outcome.fault == CONTAINER_FAULT_DIVISION || (outcome.fault == CONTAINER_FAULT_BRANCHES && facts->loops));
    expect(outcome.fault != CONTAINER_RAN || outcome.branches >= facts->branches_min);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint32_t helpers[] = { 0x30, 0x31, 0x32, 0x60, 0x61, 0x10, 0x12 };
    static uint8_t wrapped[FILE_MAX];
    bool raw = size >= 4 && memcmp(data, "rBPF", 4) == 0;
    struct bytes file = raw ? bytes_view(data, size) : wrap(data, size, wrapped);
    struct container_limits limits = { .size_max = FILE_MAX,
                                       .branches_max = CONTAINER_BRANCHES_MAX,
                                       .helpers = helpers,
                                       .helper_count = 7,
                                       .section_loads = true,
                                       .neg_is_8f = size % 2 == 1 };
    struct container_problem problem;
    struct container container;
    struct container_facts facts = { 0 };
    int structure = container_check(file, &limits, &problem, NULL);
    int whole = container_verify(file, &limits, &problem, &facts);
    bool verified = whole == 0;

    expect(structure == whole || (structure == 0 && whole == CONTAINER_HELPER_POINTER));
    if (container_parse(file, &container) == 0 && file.size <= FILE_MAX)
        run(&container, limits.neg_is_8f, verified, &facts);
    return 0;
}
