/* container_run.h - an interpreter for Femto-Containers (64-bit eBPF without ALU32).
 * Every load, store, jump and register number is checked while it runs, so that even a file that no verifier saw cannot
 * leave its memory. Containers see four regions at fixed addresses; a helper gets at them through load and store only.
 */
#ifndef TINYPART_DEVICE_PROTO_CONTAINER_RUN_H
#define TINYPART_DEVICE_PROTO_CONTAINER_RUN_H

#include "device_proto/container.h"

#define CONTAINER_REGISTERS 11u

/* Addresses as the container sees them: they fit 32 bits, because helpers return 32 bits. */
#define CONTAINER_ADDRESS_STACK   0x10000000u /* r10 = + CONTAINER_STACK_SIZE */
#define CONTAINER_ADDRESS_CONTEXT 0x20000000u /* r1 at the start; read and write */
#define CONTAINER_ADDRESS_DATA    0x30000000u /* read and write */
#define CONTAINER_ADDRESS_RODATA  0x40000000u /* read only */

enum container_fault {
    CONTAINER_RAN = 0,
    CONTAINER_FAULT_INSTRUCTION, /* unknown opcode or register */
    CONTAINER_FAULT_MEMORY,      /* load or store outside of the regions, or a store to rodata */
    CONTAINER_FAULT_JUMP,        /* left the text */
    CONTAINER_FAULT_HELPER,      /* a helper that the host does not offer */
    CONTAINER_FAULT_BRANCHES,    /* more taken branches than allowed */
    CONTAINER_FAULT_DIVISION,    /* by zero */
};

struct container_machine; /* one run; helpers get it to reach the container's memory */

/* A helper call. registers are r0..r10 (arguments conventionally in r1..r5); it sets *out, which becomes r0.
 * 0, an enum container_fault that ends the run, or a negative fault of the host that is passed up. */
typedef int container_helper_call(void *context, struct container_machine *machine,
                                  const uint64_t registers[CONTAINER_REGISTERS], uint32_t *out);

struct container_helper {
    uint32_t number;
    container_helper_call *call;
};

/* What a run may use. */
struct container_host {
    void *context; /* handed to every helper */
    const struct container_helper *helpers;
    size_t helper_count;
    uint32_t branches_max; /* CONTAINER_BRANCHES_MAX on stock devices */
    bool neg_is_8f;        /* as in struct container_limits */
    uint8_t *data;         /* container.data's size in bytes, writable, kept by the caller from run to run */
    uint8_t *run_context;  /* what r1 points to; may be NULL */
    size_t run_context_size;
};

struct container_outcome {
    enum container_fault fault;
    int64_t result;       /* r0 at the end; at a fault too, because stock devices answer with it */
    uint32_t instruction; /* where it ended */
    uint32_t branches;    /* taken */
};

/* Runs a container from its first instruction; the stack begins zeroed. 0 with *out set (a container's fault is an
 * outcome, not an error), or a negative fault of a helper's host. Ends after at most (branches_max + 1) x text
 * instructions. */
int container_run(const struct container *container, const struct container_host *host, struct container_outcome *out);

/* A helper's way to the container's memory: 0, or CONTAINER_FAULT_MEMORY and nothing is copied. */
int container_load(const struct container_machine *machine, uint64_t address, uint8_t *out, size_t size);
int container_store(struct container_machine *machine, uint64_t address, struct bytes value);

/* A short English text for a fault. Never NULL. */
const char *container_fault_text(enum container_fault fault);

/* RIOT's sensor registry ("SAUL") and timer as helpers 0x30-0x32, 0x60 and 0x61; Femto-Containers' local store, which
 * not every device has, as 0x10 and 0x12. */
enum container_sensor_type { /* SAUL device classes */
                             CONTAINER_SENSOR_TEMPERATURE = 0x82,
                             CONTAINER_SENSOR_HUMIDITY = 0x83,
                             CONTAINER_SENSOR_LIGHT = 0x84,
                             CONTAINER_SENSOR_PRESSURE = 0x89,
                             CONTAINER_SENSOR_ANALOG = 0x8A,
                             CONTAINER_SENSOR_COUNT = 0x91,
};

/* One reading as a container gets it (RIOT's phydat_t, 8 bytes little-endian: 3 x value, unit, scale). */
struct container_reading {
    int16_t values[3];
    uint8_t unit;       /* RIOT's unit number: 2 = degree Celsius, 1 = none */
    int8_t scale;       /* power of ten */
    uint8_t dimensions; /* how many values count; what saul_reg_read returns */
};

struct container_sensors {
    void *context;
    const uint8_t *types; /* SAUL class of each sensor */
    size_t count;         /* at most 255 */
    /* Reads sensor number index. 0, or 1 where it gives no reading now (the container sees -1); negative ends the run.
     */
    int (*read)(void *context, size_t index, struct container_reading *out);
    uint32_t (*now_us)(void *context);
    /* The numbers that the container keeps under the keys 0 .. local_count - 1, from run to run. NULL and 0: it can
     * keep none, and its calls are answered with -1. */
    uint32_t *local;
    size_t local_count;
};

#define CONTAINER_SENSOR_HELPERS   5u /* the first ones: sensors and timer, all that TinyPART's RIOT build has */
#define CONTAINER_STANDARD_HELPERS 7u
/* The helpers; host.context must then be a struct container_sensors *. periodic_wakeup only computes the next deadline:
 * this interpreter never sleeps. */
extern const struct container_helper container_standard_helpers[CONTAINER_STANDARD_HELPERS];

#endif
