-- Where tenants' data goes, and what has not been acknowledged yet.

CREATE TABLE sink (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    tenant_id  INTEGER NOT NULL REFERENCES tenant(id),
    name       TEXT NOT NULL,
    kind       TEXT NOT NULL,
    config     TEXT NOT NULL,
    created_ms INTEGER NOT NULL,
    -- Rows of the outbox that wait for it, kept as a number: asked for with every pack of telemetry.
    waiting    INTEGER NOT NULL DEFAULT 0 CHECK (waiting >= 0),
    UNIQUE (tenant_id, name)
) STRICT;

CREATE TABLE outbox (
    id           INTEGER PRIMARY KEY AUTOINCREMENT, -- a late answer of a sink must not meet another delivery's id
    sink_id      INTEGER NOT NULL REFERENCES sink(id) ON DELETE CASCADE,
    tenant_id    INTEGER NOT NULL REFERENCES tenant(id),
    kind         TEXT NOT NULL,
    subject      INTEGER NOT NULL,
    created_ms   INTEGER NOT NULL,
    attempts     INTEGER NOT NULL DEFAULT 0,
    due_ms       INTEGER NOT NULL,
    delivered_ms INTEGER NOT NULL DEFAULT 0,
    error        TEXT NOT NULL DEFAULT '',
    idempotency  TEXT NOT NULL,
    body         BLOB -- NULL once delivered
) STRICT;
-- For outbox_due and outbox_next_due (the oldest waiting row of each sink), and for how many wait.
CREATE INDEX outbox_waiting ON outbox(sink_id, id) WHERE delivered_ms = 0;
-- For outbox_expire: what was acknowledged, oldest first.
CREATE INDEX outbox_delivered ON outbox(delivered_ms) WHERE delivered_ms > 0;
