/* fake.h - one virtual device, a daemon that serves and takes whatever a test wants, and a clock that only moves when
 * told to. No sockets: datagrams travel through memory. */
#ifndef TINYPART_TEST_VIRTUAL_FAKE_H
#define TINYPART_TEST_VIRTUAL_FAKE_H

#include "device_proto/virtual/device.h"
#include "device_proto/virtual/sensors.h"

#define FAKE_OBJECTS_MAX 8
#define FAKE_LOG_MAX     4096
#define FAKE_SERVER      1 /* the device's server channel */

extern const uint8_t temp_sens[178];

struct fake_object {
    char path[64];
    uint8_t data[8192];
    size_t size;
};

/* One request that the device sent to the daemon. */
struct fake_sent {
    int64_t at_ms;
    int channel;
    uint8_t code;
    uint16_t id;
    size_t token_size;
    uint8_t token[8];
    char path[64];
    char query[128]; /* joined by & */
    int block;       /* number asked for, -1: no option */
    uint8_t exponent;
    size_t payload_size;
    uint8_t payload[1024];
};

/* The answer to the test's own request. */
struct fake_reply {
    bool came;
    enum coap_message_type type;
    uint8_t code;
    uint16_t id;
    char text[512];
};

struct fake {
    struct fleet fleet;
    struct device device;
    struct crypto_key *maintainer;
    int64_t now_ms;
    char state[64]; /* a directory of its own, removed at the end */
    struct sensor sensors[2];

    /* the daemon */
    struct endpoint daemon;
    struct endpoint client;
    struct fake_object objects[FAKE_OBJECTS_MAX];
    size_t object_count;
    bool mute;          /* answers nothing */
    bool only_empty;    /* answers with empty ACKs */
    bool deaf_to_posts; /* answers GETs only */
    int serve_blocks;   /* answers that many GETs, then nothing; -1: all */
    uint8_t post_code;  /* answers to POST /t and /r */
    uint8_t largest_exponent;

    struct fake_sent log[FAKE_LOG_MAX];
    size_t log_count;
    struct fake_reply reply;
    unsigned replies;
    unsigned replies_before_first_fetch;
    unsigned channels; /* opened so far */
    unsigned open;     /* still open */
    char last_event[EVENT_COUNT][512];

    struct {
        int channel;
        struct endpoint to;
        size_t size;
        uint8_t data[2048];
    } outbox[512];
    size_t outbox_count;
};

/* setup and teardown of cmocka; the device is not booted. */
int fake_setup(void **state);
int fake_teardown(void **state);

/* Chooses the profile and boots. keeps: with a state directory. */
void fake_boot(struct fake *fake, const char *profile, bool keeps);
void fake_sensor(struct fake *fake, const char *text);
void fake_vector(struct fake *fake, const char *text); /* after the sensors */

/* Lets everything happen that is due until then. */
void fake_run_until(struct fake *fake, int64_t until_ms);
void fake_run(struct fake *fake, int64_t ms);

/* The test's own request to the device; the answer that came at once is in fake->reply. */
void fake_ask(struct fake *fake, enum coap_message_code code, const char *path, struct bytes payload);
void fake_deliver(struct fake *fake, struct bytes datagram);
void fake_trigger(struct fake *fake, const char *url); /* with a trailing NUL */

void fake_serve(struct fake *fake, const char *path, struct bytes data);

struct fake_order {
    uint64_t sequence;
    unsigned slot;
    const char *class_name; /* NULL: the device's */
    bool foreign_key;
    bool wrong_digest;
    uint64_t size; /* 0: the image's */
    struct bytes image;
    const struct token_claims *token; /* beside the manifest; its digest, where none is given, is the image's */
};

/* Puts a manifest at /m and its image at /i. */
void fake_publish(struct fake *fake, const struct fake_order *order);
/* publish, trigger, and let it happen. */
void fake_roll_out(struct fake *fake, const struct fake_order *order);

size_t fake_count(const struct fake *fake, const char *path); /* requests for it */
const struct fake_sent *fake_last(const struct fake *fake, const char *path);
uint64_t fake_events(const struct fake *fake, enum event event);

#define IMAGE(array) ((struct bytes){ (array), sizeof(array) })

#endif
