-- Releases that are asked for again and again. Ids never come again: the request ids of their releases name them.
CREATE TABLE schedule (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    tenant_id   INTEGER NOT NULL REFERENCES tenant(id),
    query       TEXT NOT NULL,
    sensor      TEXT NOT NULL,
    selector    TEXT NOT NULL,
    parameters  TEXT NOT NULL, -- of its kind of query, as JSON
    mechanism   TEXT NOT NULL, -- '': the one that a release has by itself
    wanted_ueps INTEGER NOT NULL CHECK (wanted_ueps >= 0), -- what the order lets each run cost
    wanted_nrho INTEGER NOT NULL CHECK (wanted_nrho >= 0),
    ueps        INTEGER CHECK (ueps > 0), -- what each costs, in every epoch it touches; NULL: no pure epsilon
    nrho        INTEGER NOT NULL CHECK (nrho > 0),
    delta       INTEGER NOT NULL CHECK (delta >= 0),
    every_ms    INTEGER NOT NULL CHECK (every_ms > 0),
    until_ms    INTEGER NOT NULL CHECK (until_ms >= 0), -- 0: without an end
    paused      INTEGER NOT NULL CHECK (paused IN (0, 1)),
    next_ms     INTEGER NOT NULL, -- when the next run is due: also the end of its window
    created_ms  INTEGER NOT NULL,
    runs        INTEGER NOT NULL DEFAULT 0, -- answered
    refused     INTEGER NOT NULL DEFAULT 0,
    missed      INTEGER NOT NULL DEFAULT 0, -- due while nothing ran
    last_ms     INTEGER NOT NULL DEFAULT 0, -- the last run's due time; 0: none yet
    release_id  INTEGER, -- the newest answer
    problem     TEXT NOT NULL DEFAULT '' -- why the last run was refused
) STRICT;
CREATE INDEX schedule_due ON schedule(next_ms) WHERE paused = 0;
CREATE INDEX schedule_of_tenant ON schedule(tenant_id);
