/* rest.h - a whole API on a registry in memory, and a client of it, both in one loop on the test's thread.
 * The clock stands still, devices are played by the test, keys are made anew each time. Every exchange is written to
 * the file that TINYPART_TRANSCRIPT names, for openapi_replies.py to compare with the description. */
#ifndef TINYPART_TESTS_REST_H
#define TINYPART_TESTS_REST_H

#include <jansson.h>
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

#include "daemon/api/api.h"
#include "daemon/base/buffer.h"
#include "daemon/core/ports/clock.h"
#include "daemon/core/ports/sink.h"
#include "daemon/core/ports/store.h"
#include "daemon/core/ports/transport.h"
#include "daemon/crypto_openssl/crypto_openssl.h"
#include "daemon/loop/loop.h"

#define NOW_MS 1795248000000 /* 2026-11-21T08:00:00Z */

struct rest {
    struct core core;
    struct api_settings settings;
    struct api *api;
    struct loop *loop;

    struct clock clock; /* first of its kind: the callback finds now_ms behind it */
    int64_t now_ms;
    struct transport transport;
    struct transport_request asked; /* the newest request to a device */
    char asked_path[64];
    unsigned asked_count;
    bool until_asked; /* the loop stops when a device is asked */
    char waiting_method[8];
    char waiting_target[64];
    unsigned changes; /* how often the wiring was told */
    struct sink_port sinks;
    struct sink_kind kinds[1];
    struct proto_crypto crypto;
    struct proto_random random;
    struct crypto_key *maintainer;
    struct proto_signer signer;

    char folder[64];
    char socket[96];
    const char *token;  /* sent with every request; NULL: none */
    const char *accept; /* NULL: no such header */
    const char *media;  /* NULL: application/json where there is a body */
    bool over_tcp;
    uid_t connect_as; /* 0: as the test itself */

    struct { /* the client's side of one connection */
        int fd;
        struct buffer out, in;
        size_t sent;
        bool done;
        bool late;
    } client;
    struct loop_timer *guard;

    struct {             /* what came back */
        unsigned status; /* 0: no answer, the connection was closed */
        const char *head;
        const char *body;
        size_t body_size;
        json_t *json; /* NULL: the body is no JSON */
    } seen;
};

/* As cmocka's setup and teardown; *state is the struct rest. */
int rest_setup(void **state);
int rest_teardown(void **state);
/* Stops the API and starts it again with the settings as they are now. */
void rest_restart(struct rest *rest);

/* One request on a connection of its own; what came back is in rest->seen until the next call. body may be NULL. */
void rest_call(struct rest *rest, const char *method, const char *target, const char *body);
void rest_call_bytes(struct rest *rest, const char *method, const char *target, struct bytes body);
/* The bytes as they are; they must make the daemon close the connection. */
void rest_raw(struct rest *rest, struct bytes bytes);
/* Bytes that need not: the daemon must serve others meanwhile. Gives the status of what came back, 0 for nothing. */
unsigned rest_garbage(struct rest *rest, struct bytes bytes);
/* In two steps, for requests that wait: until the device is asked, and until the answer is here. */
void rest_call_until_asked(struct rest *rest, const char *method, const char *target);
void rest_wait(struct rest *rest);

/* rest_call and the status that it must have; gives the body (NULL for 204). */
json_t *expect(struct rest *rest, unsigned status, const char *method, const char *target, const char *body);
/* The same for a refusal: its type's last part must be kind, and it must have words. */
json_t *expect_refusal(struct rest *rest, unsigned status, const char *kind, const char *method, const char *target,
                       const char *body);
const char *text_of(const json_t *json, const char *member);
json_int_t number_of(const json_t *json, const char *member);
/* A response header's value in a buffer of its own, "" when there is none. */
const char *header_of(struct rest *rest, const char *name);

/* A new token of that role ("tenant:acme" for tenants); the text is the test's to free. */
char *token_for(struct rest *rest, const char *name, const char *role, const char *tenant);
/* A tenant with a key of its own, and a bundle signed with that key: mov r0, 2718; exit. */
struct crypto_key *tenant_with_key(struct rest *rest, const char *name);
struct buffer signed_bundle(const struct rest *rest, const struct crypto_key *key, const char *name,
                            const char *version);
/* The body of a POST that registers a key's public half; to be freed. */
char *key_body(const struct public_key *key, const char *member);

#endif
