/* bench.h - a transport with rules of the tests' own, on loopback, and raw UDP sockets that play the devices. */
#ifndef TINYPART_TESTS_TRANSPORT_COAP_BENCH_H
#define TINYPART_TESTS_TRANSPORT_COAP_BENCH_H

#include <netinet/in.h>

#include "daemon/core/ports/store.h"
#include "daemon/transport_coap/rules.h"
#include "device_proto/coap_message.h"

#define LIMIT_MS     10000 /* no wait of these tests takes that long */
#define REGISTRY_MAX 64

/* What the rules were asked, and what they are to say. */
struct script {
    int calls; /* of the rule under test, whichever it is */
    int result;
    const char *words;
    uint8_t body[20000];
    size_t body_size;
    char endpoint[NAME_SIZE], peer[ADDRESS_SIZE], first_name[NAME_SIZE];
    uint64_t sequence;
    int64_t policy_version;
    size_t records;
    bool authenticated;
    uint8_t object[70000]; /* behind /m/manifest and /i/image */
    size_t object_size;
    struct registration registry[REGISTRY_MAX];
    size_t registered;
    char hint[NAME_SIZE];
    struct transport_answer answers[600];
    uint8_t answer_payload[1024];
    size_t answered;
    bool keeps_still;      /* the rules write nothing */
    int64_t first_squares; /* where the first record is a vector: the sum of its squares, its dimension in
                              first_dimension */
    size_t first_dimension;
    uint64_t refuse_sequence; /* telemetry with this number is refused; 0: none */
    bool group_open, group_waits;
    int commits;        /* group_end with something to commit */
    int commit_result;  /* of group_end */
    int watched[8];     /* sockets that must have got nothing before a commit; 0: none */
    bool left_too_soon; /* one had */
};

struct bench {
    struct loop *loop;
    struct core core;
    struct store store; /* groups alone */
    struct transport_coap *transport;
    struct loop_timer *limit;
    bool too_late;
    struct script script;
    uint16_t port;
};

/* settings NULL: the defaults, on a free port of 127.0.0.1. */
struct bench *bench_open(const struct transport_coap_settings *settings);
void bench_close(struct bench *bench);
/* Runs the loop until somebody stops it. Fails the test after LIMIT_MS. */
void bench_run(struct bench *bench);

/* A UDP socket on 127.0.0.1, connected to the daemon, or only bound (a device that is asked). */
int client_open(const struct bench *bench);
int device_open(uint16_t *out_port);

/* Runs the loop until the socket is readable, then reads. Fails the test after LIMIT_MS. */
size_t receive(struct bench *bench, int fd, uint8_t *out, size_t capacity, struct sockaddr_in *out_from);
/* Runs the loop until count answers came back from devices. */
void await_answers(struct bench *bench, size_t count);
void await_registrations(struct bench *bench, size_t count);

/* Composing requests: begin, options in order through writer, then ask. */
struct asking {
    struct coap_message_writer writer;
    uint8_t bytes[1500];
};
void ask_begin(struct asking *asking, uint8_t code, uint16_t id, const char *path);
void ask_query(struct asking *asking, const char *query);
/* Sends and does not wait. */
void ask_on(int fd, const struct asking *asking);
void begin_post(int fd, uint16_t id, const char *path, const char *query, int format, struct bytes payload);
/* The answer that is there, or comes. */
struct coap_message answer_of(struct bench *bench, int fd);
/* Sends, and gives the answer; its views point into a buffer that the next one overwrites. */
struct coap_message ask(struct bench *bench, int fd, const struct asking *asking);
/* The same for the most common request: a path, perhaps one query, perhaps a payload of that format. */
struct coap_message ask_simple(struct bench *bench, int fd, uint8_t code, uint16_t id, const char *path,
                               const char *query, int format, struct bytes payload);
/* One block of an upload to path (Block1), num << 4 | more << 3 | szx as on the wire. */
struct coap_message ask_block1(struct bench *bench, int fd, uint16_t id, const char *path, const char *query,
                               int format, uint32_t block, struct bytes payload);
/* One block of a download. */
struct coap_message ask_block2(struct bench *bench, int fd, uint16_t id, const char *path, const char *query,
                               uint32_t block);
uint32_t option_uint(const struct coap_message *message, uint16_t number); /* UINT32_MAX: not there */

#endif
