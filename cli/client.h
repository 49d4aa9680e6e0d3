/* client.h - REST over the daemon's Unix socket, or over HTTP(S) with a bearer token; problems are told on stderr. */
#ifndef TINYPART_CLI_CLIENT_H
#define TINYPART_CLI_CLIENT_H

#include <jansson.h>

#include "cli/exits.h"
#include "device_proto/bytes.h"

#define CLIENT_SOCKET "/run/tinypart/tinypartd.sock"

struct client;

struct client_settings {
    const char *socket;  /* Unix socket; used when url is NULL */
    const char *url;     /* "https://host:8550"; NULL: the Unix socket */
    const char *token;   /* bearer token; NULL: none */
    const char *ca_file; /* PEM for https; NULL: the system's */
    long timeout_ms;     /* of one request; 0: 150 s, longer than a device's answer may take */
};

int client_new(const struct client_settings *settings, struct client **out); /* an exit code */
void client_free(struct client *client);                                     /* NULL is fine */

/* A request path, built with percent-encoding: "/v1/devices/%s" takes texts only. -1 when it does not fit. */
struct path {
    char text[1024];
    int fault;
    int queries;
};
struct path path_of(const char *format, ...);
/* Adds ?name=value or &name=value; value NULL: nothing. */
void path_query(struct path *path, const char *name, const char *value);

/* One request. body NULL: none. *out_reply (may be NULL) is the reply's JSON, the caller's to decref; NULL for an empty
 * reply. EXIT_DONE; EXIT_REFUSED with the problem's words said; EXIT_UNREACHABLE likewise. */
int client_json(struct client *client, const char *method, const struct path *path, const json_t *body,
                json_t **out_reply);
/* The same with bytes for a body. */
int client_bytes(struct client *client, const char *method, const struct path *path, const char *type,
                 struct bytes body, json_t **out_reply);
/* The reply's bytes as they came, NUL-terminated, the caller's to free. */
int client_raw(struct client *client, const struct path *path, char **out_text);
/* All pages of a list (at most limit items; 0: all) as one array. */
int client_list(struct client *client, const struct path *path, size_t limit, json_t **out_items);

/* Prints a problem+json, or any refusal of this program's own, in three lines: what, at where, what to do. */
void problem_print(const json_t *problem);
struct why;
void why_print(const struct why *why);

#endif
