/* container_sensors.c - RIOT's sensor registry, timer and a container's own numbers as helper calls of the interpreter.
 * A sensor's handle is its index behind a tag, so that a container that makes one up is told apart. Quirk kept from the
 * device's build: find_nth and periodic_wakeup take their arguments from r0 on, the others from r1 on. */
#include "device_proto/container_run.h"

#define HANDLE_TAG   0x5A550000u
#define READING_SIZE 8u
#define NO_READING   UINT32_MAX /* -1 */

static uint32_t handle_of(size_t index)
{
    return HANDLE_TAG | (uint32_t)(index + 1);
}

static int find_nth(void *context, struct container_machine *machine, const uint64_t registers[CONTAINER_REGISTERS],
                    uint32_t *out)
{
    const struct container_sensors *sensors = context;
    uint32_t nth = (uint32_t)registers[0];

    (void)machine;
    *out = nth < sensors->count ? handle_of(nth) : 0;
    return 0;
}

static int find_type(void *context, struct container_machine *machine, const uint64_t registers[CONTAINER_REGISTERS],
                     uint32_t *out)
{
    const struct container_sensors *sensors = context;
    uint8_t type = (uint8_t)registers[1];

    (void)machine;
    *out = 0;
    for (size_t i = 0; i < sensors->count; i++) {
        if (sensors->types[i] == type) {
            *out = handle_of(i);
            break;
        }
    }
    return 0;
}

static int read_sensor(void *context, struct container_machine *machine, const uint64_t registers[CONTAINER_REGISTERS],
                       uint32_t *out)
{
    const struct container_sensors *sensors = context;
    struct container_reading reading;
    uint8_t raw[READING_SIZE];
    uint32_t index = ((uint32_t)registers[1] ^ HANDLE_TAG) - 1;
    int r;

    *out = NO_READING;
    if (index >= sensors->count)
        return 0;
    r = sensors->read(sensors->context, index, &reading);
    if (r != 0)
        return r < 0 ? r : 0;
    for (size_t i = 0; i < 3; i++) {
        raw[2 * i] = (uint8_t)reading.values[i];
        raw[2 * i + 1] = (uint8_t)((uint16_t)reading.values[i] >> 8);
    }
    raw[6] = reading.unit;
    raw[7] = (uint8_t)reading.scale;
    r = container_store(machine, registers[2], bytes_view(raw, sizeof(raw)));
    if (r == 0)
        *out = reading.dimensions;
    return r;
}

static int timer_now(void *context, struct container_machine *machine, const uint64_t registers[CONTAINER_REGISTERS],
                     uint32_t *out)
{
    const struct container_sensors *sensors = context;

    (void)machine;
    (void)registers;
    *out = sensors->now_us(sensors->context);
    return 0;
}

static int timer_periodic_wakeup(void *context, struct container_machine *machine,
                                 const uint64_t registers[CONTAINER_REGISTERS], uint32_t *out)
{
    uint8_t raw[4];
    uint32_t next;
    int r;

    (void)context;
    r = container_load(machine, registers[0], raw, sizeof(raw));
    if (r != 0)
        return r;
    next = (raw[0] | ((uint32_t)raw[1] << 8) | ((uint32_t)raw[2] << 16) | ((uint32_t)raw[3] << 24)) +
           (uint32_t)registers[1];
    for (size_t i = 0; i < sizeof(raw); i++)
        raw[i] = (uint8_t)(next >> (8 * i));
    *out = 0;
    return container_store(machine, registers[0], bytes_view(raw, sizeof(raw)));
}

/* Key and value; 0, or -1 where there is no such key. */
static int store_local(void *context, struct container_machine *machine, const uint64_t registers[CONTAINER_REGISTERS],
                       uint32_t *out)
{
    const struct container_sensors *sensors = context;
    uint32_t key = (uint32_t)registers[1];

    (void)machine;
    *out = UINT32_MAX;
    if (key >= sensors->local_count)
        return 0;
    sensors->local[key] = (uint32_t)registers[2];
    *out = 0;
    return 0;
}

/* Key, and where its value goes; 0 for one that was never stored. */
static int fetch_local(void *context, struct container_machine *machine, const uint64_t registers[CONTAINER_REGISTERS],
                       uint32_t *out)
{
    const struct container_sensors *sensors = context;
    uint32_t key = (uint32_t)registers[1];
    uint8_t raw[4] = { 0 };

    *out = UINT32_MAX;
    if (key >= sensors->local_count)
        return 0;
    for (size_t i = 0; i < sizeof(raw); i++)
        raw[i] = (uint8_t)(sensors->local[key] >> (8 * i));
    *out = 0;
    return container_store(machine, registers[2], bytes_view(raw, sizeof(raw)));
}

const struct container_helper container_standard_helpers[CONTAINER_STANDARD_HELPERS] = {
    { CONTAINER_SAUL_FIND_NTH, find_nth },
    { CONTAINER_SAUL_FIND_TYPE, find_type },
    { CONTAINER_SAUL_READ, read_sensor },
    { CONTAINER_ZTIMER_NOW, timer_now },
    { CONTAINER_ZTIMER_PERIODIC_WAKEUP, timer_periodic_wakeup },
    { CONTAINER_STORE_LOCAL, store_local },
    { CONTAINER_FETCH_LOCAL, fetch_local },
};
