/* api.h - REST /v1 over a Unix socket (callers known by SO_PEERCRED) and over TCP (bearer tokens).
 * It answers on the loop's thread: no handler waits, but the one that asks a device, whose connection sleeps until the
 * device has answered. schema/openapi.json is its contract. */
#ifndef TINYPART_API_API_H
#define TINYPART_API_API_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "daemon/core/access.h"
#include "device_proto/crypto.h"

struct api;
struct loop;

/* A user of this machine and what the daemon takes it for. Root and the daemon's own user are owners without a row. */
struct api_user {
    uid_t uid;
    enum role role;
    char tenant[NAME_SIZE]; /* with ROLE_TENANT */
};
/* "1000:owner", "1001:tenant:acme". 0 or REFUSED_INVALID. */
int api_user_parse(const char *text, struct api_user *out, struct why *why);

struct api_library {
    const char *name;
    const char *version;
};

struct api_feature {
    const char *name; /* "oscore" */
    bool available;
    const char *note; /* why not; NULL: nothing to say */
};

/* What status and version tell about the daemon around this room. All borrowed. */
struct api_facts {
    const char *version;
    const char *database; /* path; NULL: not said */
    const struct api_library *libraries;
    size_t library_count; /* libmicrohttpd and jansson are added by themselves */
    const struct api_feature *features;
    size_t feature_count;
    const char *const *coap_listen; /* "coap://[::]:5683" */
    size_t coap_listen_count;
    /* Name and value of the transport's index-th counter, NULL beyond the last. May be NULL itself. */
    const char *(*transport_counter)(const void *transport, unsigned index, uint64_t *out);
    const void *transport;
};

/* Borrowed for the life of the api. */
struct api_settings {
    const char *unix_path;     /* NULL or "": no socket of one's own making */
    mode_t unix_mode;          /* 0: 0660 */
    gid_t unix_group;          /* (gid_t)-1: as it comes */
    int unix_fd;               /* a listening socket given by systemd; -1: none */
    const char *tcp_address;   /* IPv4 or IPv6 literal; NULL or "": no TCP */
    uint16_t tcp_port;         /* 0: any free one, see api_tcp_port() */
    const char *tls_cert_path; /* PEM; both NULL or "": no TLS */
    const char *tls_key_path;
    bool tcp_plain_anywhere; /* TCP without TLS beyond loopback, for those who have a TLS proxy */
    const struct api_user *users;
    size_t user_count;
    unsigned connections_max; /* per listener; 0: 256 */
    unsigned idle_s;          /* a silent connection is closed after that; 0: 30 */
    int64_t run_wait_ms;      /* longest wait for a device's answer; 0: 120 s */
    struct api_facts facts;
    /* PEM of public keys, as crypto_openssl.h has them. */
    int (*public_read_pem)(struct bytes pem, struct public_key *out, struct why *why);
    int (*public_write_pem)(const struct public_key *key, char *out_pem);
    /* A request changed something: work may be due. May be NULL. */
    void (*on_change)(void *context);
    void *on_change_context;
};

/* Listens and answers from the loop. A refusal says which setting cannot be: another daemon answers on the socket, TCP
 * without TLS beyond loopback, a key that is none. */
int api_new(struct core *core, struct loop *loop, const struct api_settings *settings, struct api **out,
            struct why *why);
/* Call it after core_stop(): a device that is being asked for a connection is forgotten here. NULL is fine. */
void api_free(struct api *api);

/* The TCP port in use; 0: none. */
uint16_t api_tcp_port(const struct api *api);

#endif
