-- Deploy orders, their steps, and the paths under which devices fetch.

CREATE TABLE rollout (
    id           INTEGER PRIMARY KEY,
    tenant_id    INTEGER NOT NULL REFERENCES tenant(id),
    image_id     INTEGER NOT NULL REFERENCES image(id),
    selector     TEXT NOT NULL,
    slot         INTEGER NOT NULL CHECK (slot >= 0),
    state        TEXT NOT NULL CHECK (state IN ('running', 'paused', 'aborted', 'done')),
    concurrency  INTEGER NOT NULL CHECK (concurrency > 0),
    attempts_max INTEGER NOT NULL CHECK (attempts_max > 0),
    deadline_ms  INTEGER NOT NULL,
    created_by   TEXT NOT NULL,
    created_ms   INTEGER NOT NULL,
    finished_ms  INTEGER NOT NULL DEFAULT 0
) STRICT;
-- For steps_due and step_next_due, which run with every tick and must not read the rollouts of years past.
CREATE INDEX rollout_running ON rollout(id) WHERE state = 'running';
-- For rollout_count, asked with every order.
CREATE INDEX rollout_open ON rollout(tenant_id) WHERE state IN ('running', 'paused');

-- device_id has no foreign key: what was done to a device stays on record after it is gone, under the name it had.
CREATE TABLE step (
    id              INTEGER PRIMARY KEY,
    rollout_id      INTEGER NOT NULL REFERENCES rollout(id),
    tenant_id       INTEGER NOT NULL REFERENCES tenant(id),
    device_id       INTEGER NOT NULL,
    device          TEXT NOT NULL,
    state           TEXT NOT NULL CHECK (state IN ('waiting', 'triggering', 'triggered', 'manifest_fetched',
                        'image_fetched', 'probing', 'installed', 'delivered', 'refused', 'failed', 'unreachable',
                        'aborted')),
    reason          TEXT NOT NULL,
    attempts        INTEGER NOT NULL DEFAULT 0,
    sequence        INTEGER NOT NULL DEFAULT 0,
    manifest_path   TEXT NOT NULL DEFAULT '',
    image_path      TEXT NOT NULL DEFAULT '',
    manifest_digest BLOB REFERENCES blob(digest),
    due_ms          INTEGER NOT NULL,
    deadline_ms     INTEGER NOT NULL DEFAULT 0,
    image_bytes     INTEGER NOT NULL DEFAULT 0,
    created_ms      INTEGER NOT NULL,
    updated_ms      INTEGER NOT NULL
) STRICT;
-- For step_each (by id within a rollout), and, as it holds the state too, for the counts of a rollout.
CREATE INDEX step_listed ON step(rollout_id, id, state);
-- For steps_due and step_next_due: what waits, by rollout.
CREATE INDEX step_waiting ON step(rollout_id, due_ms) WHERE state = 'waiting';
-- For steps_overdue, steps_under_way, step_of_device: few rows, at most as many as there are steps at once. Unique:
-- a device is asked one thing at a time (invariant I10), whoever writes.
CREATE UNIQUE INDEX step_under_way ON step(device_id)
WHERE state IN ('triggering', 'triggered', 'manifest_fetched', 'image_fetched', 'probing');
-- For step_by_manifest: a report names its step by the manifest's digest only.
CREATE INDEX step_manifest ON step(manifest_digest) WHERE manifest_digest IS NOT NULL;

CREATE TABLE fetch_path (
    path        TEXT PRIMARY KEY,
    step_id     INTEGER NOT NULL REFERENCES step(id),
    is_manifest INTEGER NOT NULL CHECK (is_manifest IN (0, 1)),
    digest      BLOB NOT NULL REFERENCES blob(digest),
    expires_ms  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
-- For paths_expire, which runs with every tick.
CREATE INDEX fetch_path_expiry ON fetch_path(expires_ms);
