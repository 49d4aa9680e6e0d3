/* sink_http.h - the sink kind "http": each delivery is one POST with an Idempotency-Key, over libcurl.
 * Configuration: {"url": "https://...", "authorization": "Bearer ...", "ca_file": "/path.pem"}; the last two are
 * optional. Tenants make sinks, and the daemon must not knock for them where only its own machine can: loopback and
 * link-local addresses are refused as they are connected to, whatever name led there. Any 2xx answer acknowledges;
 * redirects are not followed; certificates are always verified. All transfers run side by side on one thread, so a sink
 * that hangs slows no other. */
#ifndef TINYPART_SINK_HTTP_H
#define TINYPART_SINK_HTTP_H

#include "daemon/core/core.h"
#include "daemon/core/ports/sink.h"
#include "daemon/loop/loop.h"

#define SINK_HTTP_TRANSFERS_MAX 256

struct sink_http;

struct sink_http_settings {
    int64_t timeout_ms;  /* of one delivery, all in all */
    bool allow_own_host; /* also to addresses of this machine alone: loopback and link-local ones */
};

int sink_http_new(struct core *core, struct loop *loop, const struct sink_http_settings *settings,
                  struct sink_http **out);
/* Breaks off what is under way (it stays in the outbox). Free it before the loop. */
void sink_http_free(struct sink_http *sink);
void sink_http_kind(struct sink_http *sink, struct sink_kind *out);

#endif
