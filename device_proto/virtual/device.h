/* device.h - one virtual device, and the fleet that it belongs to.
 * A device is a passive state machine: datagrams and the time come in through device_receive and device_tick, datagrams
 * leave through the fleet's wire. What survives a reboot is in its state directory (state.h), everything else in here.
 */
#ifndef TINYPART_VIRTUAL_DEVICE_H
#define TINYPART_VIRTUAL_DEVICE_H

#include "daemon/crypto_openssl/crypto_openssl.h"
#include "device_proto/coap_message.h"
#include "device_proto/virtual/exchange.h"
#include "device_proto/virtual/faults.h"
#include "device_proto/virtual/kind.h"
#include "device_proto/virtual/wire.h"

#define DEVICE_NAME_SIZE   64
#define DEVICE_TRUST_MAX   8u
#define DEVICE_SENSORS_MAX 8u
#define DEVICE_BACKLOG_MAX 8u /* datagrams a blocked server keeps */

struct update;
struct sensor;
struct telemetry;

enum event {
    EVENT_BOOT,
    EVENT_TRIGGER,
    EVENT_TRIGGER_LOST,
    EVENT_BLOCKED,
    EVENT_FETCH,
    EVENT_FETCH_FAILED,
    EVENT_REFUSED,
    EVENT_INSTALLED,
    EVENT_EXEC,
    EVENT_EXEC_FAULT,
    EVENT_CRASH,
    EVENT_REBOOT,
    EVENT_POWER_CUT,
    EVENT_REGISTERED,
    EVENT_REGISTER_FAILED,
    EVENT_POLICY,
    EVENT_POLICY_REFUSED,
    EVENT_NO_POLICY,
    EVENT_TELEMETRY,
    EVENT_TELEMETRY_TAKEN,
    EVENT_TELEMETRY_REFUSED,
    EVENT_TELEMETRY_LOST,
    EVENT_REPORT,
    EVENT_REPORT_TAKEN,
    EVENT_REPORT_LOST,
    EVENT_REQUEST_DROPPED,
    EVENT_RETRANSMIT,
    EVENT_FAULT,
    EVENT_COUNT
};

const char *event_name(enum event event);

struct slot {
    uint8_t *memory; /* kind->slot_size bytes once anything was written; NULL before */
    size_t size;     /* bytes in it, as far as the device knows */
    bool installed;  /* profile tinypart: digest checked and stored */
    uint8_t digest[DIGEST_SIZE];
    uint32_t *local; /* profile tinypart: what the container keeps under keys, EXEC_LOCAL_MAX of them; NULL until it has
                        run */
};

/* A URL that a request to the daemon goes to, and what for. */
enum asking { ASKING_NOTHING, ASKING_REGISTER, ASKING_POLICY, ASKING_TELEMETRY, ASKING_REPORT };

struct registration {
    bool wanted;
    int64_t due_ms;
    unsigned failures;
    char location[64]; /* without the leading slash; "" while not registered */
};

struct report {
    uint8_t *message; /* the signed report, NULL when there is none */
    size_t size;
    struct endpoint to;
    int64_t due_ms;
    unsigned failures;
};

struct backlog {
    unsigned count;
    struct held *first;
};

/* Shared by all devices of the process; borrowed by them. */
struct fleet {
    const struct kind *kind;
    struct wire wire;
    struct proto_crypto crypto;
    struct proto_random random; /* noise and keys: a CSPRNG, whatever the seed */
    bool has_lab_noise;         /* the noise of readings, and it alone, comes from a fixed seed: it hides nothing */
    uint64_t lab_noise_seed;
    struct public_key trust[DEVICE_TRUST_MAX];
    size_t trust_count;
    struct proto_agreement agreement; /* profile tinypart: opens encrypted payloads; agree NULL: none can be opened */
    uint8_t vendor_id[SUIT_ID_SIZE];
    uint8_t class_id[SUIT_ID_SIZE];
    char board[64];
    bool registers;
    bool require_token; /* no update without an access token beside the manifest */
    bool has_directory;
    struct endpoint directory;
    uint32_t lifetime_s;
    const char *state_directory; /* NULL: nothing survives */
    struct sensor *sensors;      /* the board's own, which containers read, then vectors of containers */
    size_t sensor_count;
    int64_t interval_ms; /* least time between two readings; the policy's interval if that is longer */
    int64_t policy_every_ms;
    int64_t spread_ms; /* first requests of a fleet are spread over this time */
    struct fault_plan faults;
    uint64_t seed;
    int64_t unix_offset_ms; /* unix time = now_ms + this */
    void (*on_event)(void *context, const struct device *device, enum event event, const char *text);
    void *event_context;
    uint64_t counts[EVENT_COUNT];
};

struct device {
    struct fleet *fleet;
    unsigned index;
    char name[DEVICE_NAME_SIZE];
    int server; /* channel */
    int64_t now_ms;
    int64_t due_ms; /* when device_tick is wanted next; INT64_MAX: not at all */
    size_t place;   /* in the program's schedule */

    bool up;
    bool crashed;          /* down until somebody power-cycles it */
    int64_t boot_ms;       /* up: since when; down: until when */
    enum event going_down; /* EVENT_BOOT: it is not */
    bool fault_used;       /* reboots and power cuts on demand happen once */

    struct dice dice;
    uint16_t next_id;
    uint64_t sequence; /* the highest manifest sequence number accepted */
    struct slot slots[KIND_SLOTS_MAX];
    bool preflight_done;

    char url[SUIT_URI_SIZE_MAX + 1]; /* of the running update; KIND_SHARED_URL: of the queued ones too */
    bool triggered;                  /* an update starts as soon as the trigger is answered */
    unsigned queued;
    struct update *update; /* NULL while idle */
    char *stale;           /* KIND_STRLEN_URL: what earlier requests left in the packet buffer */

    bool server_blocked; /* KIND_SHARED_URL: a fifth trigger waits for the queue, and the whole server with it */
    struct held *backlog;
    uint8_t *answered; /* profile tinypart: the last answers, for duplicates (server.c) */

    struct exchange ask; /* one request to the daemon at a time, from the server's socket */
    enum asking asking;
    size_t asking_sensor;
    uint8_t *policy_draft; /* blocks of a policy so far; NULL: none */
    size_t policy_draft_size;
    struct registration registration;
    struct report report;
    struct telemetry *telemetry; /* one a sensor */
    uint64_t telemetry_next;     /* next sequence number */
    uint64_t telemetry_reserved; /* numbers below this one are reserved on disk */

    struct held *held;
    unsigned held_count;
    struct crypto_key *key; /* signs reports */
};

/* Fills *device, not yet booted. The name must fit. */
void device_init(struct device *device, struct fleet *fleet, unsigned index, const char *name, int server);
void device_deinit(struct device *device);

/* First boot, at now_ms: loads state, plans registration and policies. 0 or a fault of the state directory. */
int device_start(struct device *device, int64_t now_ms);
void device_receive(struct device *device, int channel, const struct endpoint *from, struct bytes datagram,
                    int64_t now_ms);
void device_tick(struct device *device, int64_t now_ms);
/* What a person does to a device that hangs: off, and on again after a moment. */
void device_power_cycle(struct device *device, int64_t now_ms);

/* ---- for the other files of this room ---- */
void device_event(struct device *device, enum event event, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Past the faults of the network: what really arrives. */
void device_deliver(struct device *device, int channel, const struct endpoint *from, struct bytes datagram);
/* Ends this life of the device as soon as the present step is over. */
void device_go_down(struct device *device, enum event why);
int64_t device_unix_ms(const struct device *device);

static inline bool device_busy(const struct device *device)
{
    return device->update != NULL || device->triggered;
}

#endif
