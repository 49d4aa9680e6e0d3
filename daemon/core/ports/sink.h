/* sink.h - how a delivery leaves for a tenant's sink. The outcome comes back through export_on_outcome()
 * (core/export.h). */
#ifndef TINYPART_CORE_PORTS_SINK_H
#define TINYPART_CORE_PORTS_SINK_H

#include <stdint.h>

#include "daemon/base/refusal.h"
#include "daemon/core/limits.h"
#include "device_proto/bytes.h"

/* One delivery: copied by the sink before the call returns. */
struct delivery {
    int64_t id; /* outbox row */
    int64_t sink_id;
    const char *config;      /* the sink's JSON configuration */
    const char *tenant;      /* name */
    const char *sink;        /* name */
    const char *idempotency; /* the same text at every retry of this delivery, unique to it */
    struct bytes body;       /* one JSON document without newlines */
};

struct sink_kind {
    const char *name; /* "file", "http" */
    /* Checks a configuration when a sink is created: 0 or a refusal with words. */
    int (*check)(void *context, const char *config, struct why *why);
    /* Starts a delivery: 0 (one outcome follows, later, on the loop thread), or REFUSED_BUSY when its bounded queue is
     * full. */
    int (*deliver)(void *context, const struct delivery *delivery);
    void *context;
};

/* The kinds known to this daemon; one folder daemon/sink_* each. */
struct sink_port {
    const struct sink_kind *kinds;
    unsigned count;
};

#endif
