/* server.h - what the parts of this room share: the daemon's side of a connection. */
#ifndef TINYPART_API_SERVER_H
#define TINYPART_API_SERVER_H

#include <microhttpd.h>

#include "daemon/api/api.h"
#include "daemon/api/request.h"
#include "daemon/loop/loop.h"

enum {
    LISTENERS_MAX = 3,
    RUNS_MAX = 64,   /* requests that wait for a device at once */
    PEM_SIZE = 4096, /* any public key of enum key_type */
};

/* One listening socket is one microhttpd daemon, so that a request knows where it came in. */
struct listener {
    struct api *api;
    bool is_unix;
    bool is_own; /* the socket's path is ours to remove */
    struct MHD_Daemon *http;
    int epoll_fd;
    struct loop_timer *timer; /* microhttpd's own time-outs */
};

struct run;
struct exchange;

struct api {
    struct core *core;
    struct loop *loop;
    const struct api_settings *settings;
    struct listener listeners[LISTENERS_MAX];
    size_t listener_count;
    uint16_t tcp_port;
    int64_t started_ms;
    struct run *runs;
    unsigned run_count;
    struct exchange *grouped; /* answers that wait for the commit of the turn's group; the newest first */
    bool has_group;
    char *tls_cert; /* PEM, NULL: no TLS */
    char *tls_key;
};

/* listen.c: sockets that listen, non-blocking. */
int listen_unix(const struct api_settings *settings, int *out_fd, struct why *why);
int listen_tcp(const struct api_settings *settings, int *out_fd, uint16_t *out_port, struct why *why);

/* http.c: from bytes to requests and back. Takes fd over. */
int http_start(struct api *api, struct listener *listener, int fd, struct why *why);
void http_stop(struct listener *listener);

/* auth.c: who calls. authorization is that header's value or NULL; fd the connection's. */
int auth_caller(const struct listener *listener, int fd, const char *authorization, struct caller *out,
                struct why *why);

/* The same for a user of this machine alone. */
int auth_user(const struct api *api, uid_t uid, struct caller *out, struct why *why);

/* devices_run.c */
void runs_drop(struct api *api);

#endif
