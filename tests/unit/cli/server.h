/* server.h - an HTTP server of a few lines on a Unix socket: gives the replies it was told to, in order, and keeps the
 * requests. */
#ifndef TINYPART_TESTS_CLI_SERVER_H
#define TINYPART_TESTS_CLI_SERVER_H

#include <stddef.h>

#define SERVER_SOCKET "daemon.sock"

/* replies: whole HTTP messages, NULL-terminated; each answers one connection ("" closes it without a word). */
void server_start(const char *const replies[]);
/* Ends it; gives how many requests came. */
unsigned server_stop(void);
/* The whole of request i, head and body, as it came. */
const char *server_request(unsigned i);

/* A reply with Content-Length, made in place: REPLY(200, "OK", "{}") */
const char *reply_of(const char *status, const char *type, const char *body);
#define JSON_OK(body) reply_of("200 OK", "application/json", body)

#endif
