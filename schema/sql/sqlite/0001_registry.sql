-- Who takes part and what there is: tenants, people's tokens, kinds of devices, devices, grants, images, the audit record.
-- Times are unix milliseconds, *_ms; 0 stands for "never" or "not yet". Ids that another row may outlive are
-- AUTOINCREMENT: never used again. No REAL anywhere: every table is STRICT.

PRAGMA application_id = 1414545746; -- "TPAR": says whose file this is, and the daemon opens no other

-- What was applied, and from which text: an old migration that changed is refused.
CREATE TABLE schema_migration (
    version INTEGER PRIMARY KEY,
    name    TEXT NOT NULL,
    sha256  TEXT NOT NULL
) STRICT;

-- Small named values about the whole registry: "epoch_ms", "ledger_ms", "readings_raw".
CREATE TABLE fact (
    name  TEXT PRIMARY KEY,
    value INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE tenant (
    id         INTEGER PRIMARY KEY,
    name       TEXT NOT NULL UNIQUE,
    created_ms INTEGER NOT NULL
) STRICT;

CREATE TABLE tenant_key (
    id          INTEGER PRIMARY KEY,
    tenant_id   INTEGER NOT NULL REFERENCES tenant(id),
    type        TEXT NOT NULL CHECK (type IN ('ed25519', 'p256')),
    raw         BLOB NOT NULL,
    fingerprint BLOB NOT NULL UNIQUE CHECK (length(fingerprint) = 32), -- one public key belongs to one tenant only
    created_ms  INTEGER NOT NULL,
    revoked_ms  INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE TABLE token (
    id         INTEGER PRIMARY KEY,
    name       TEXT NOT NULL UNIQUE,
    hash       BLOB NOT NULL UNIQUE CHECK (length(hash) = 32), -- the token itself is kept nowhere
    role       TEXT NOT NULL CHECK (role IN ('owner', 'maintainer', 'privacy-officer', 'auditor', 'tenant')),
    tenant_id  INTEGER REFERENCES tenant(id),
    created_ms INTEGER NOT NULL,
    expires_ms INTEGER NOT NULL,
    revoked_ms INTEGER NOT NULL DEFAULT 0
) STRICT;

-- Kinds of devices and their quirks; the columns are explained in daemon/core/profile.h.
CREATE TABLE profile (
    name                  TEXT PRIMARY KEY,
    description           TEXT NOT NULL,
    dialect               TEXT NOT NULL CHECK (dialect IN ('riot', 'suit')),
    image_types           TEXT NOT NULL,
    slots                 INTEGER NOT NULL CHECK (slots BETWEEN 1 AND 8),
    component             TEXT NOT NULL,
    manifest_size_max     INTEGER NOT NULL CHECK (manifest_size_max > 0),
    image_size_max        INTEGER NOT NULL CHECK (image_size_max > 0),
    path_size_max         INTEGER NOT NULL CHECK (path_size_max > 0),
    vendor_domain         TEXT NOT NULL,
    class_name            TEXT NOT NULL,
    trigger_path          TEXT NOT NULL,
    trigger_nul           INTEGER NOT NULL CHECK (trigger_nul IN (0, 1)),
    exec_path             TEXT NOT NULL,
    answer_digits         INTEGER NOT NULL CHECK (answer_digits BETWEEN 0 AND 18),
    outcome               TEXT NOT NULL CHECK (outcome IN ('report', 'exec', 'fetch')),
    give_up_ms            INTEGER NOT NULL CHECK (give_up_ms > 0),
    may_ping              INTEGER NOT NULL CHECK (may_ping IN (0, 1)),
    piggyback_only        INTEGER NOT NULL CHECK (piggyback_only IN (0, 1)),
    block_szx_min         INTEGER NOT NULL CHECK (block_szx_min BETWEEN 0 AND 6),
    host_name_urls        INTEGER NOT NULL CHECK (host_name_urls IN (0, 1)),
    shared_sequence       INTEGER NOT NULL CHECK (shared_sequence IN (0, 1)),
    sequence_lost_at_boot INTEGER NOT NULL CHECK (sequence_lost_at_boot IN (0, 1)),
    telemetry             INTEGER NOT NULL CHECK (telemetry IN (0, 1)),
    noises_on_board       INTEGER NOT NULL CHECK (noises_on_board IN (0, 1)),
    telemetry_plain       INTEGER NOT NULL CHECK (telemetry_plain IN (0, 1)),
    helpers               TEXT NOT NULL,
    branches_max          INTEGER NOT NULL CHECK (branches_max > 0),
    section_loads         INTEGER NOT NULL CHECK (section_loads IN (0, 1)),
    neg_is_8f             INTEGER NOT NULL CHECK (neg_is_8f IN (0, 1)),
    algorithm             TEXT NOT NULL CHECK (algorithm IN ('ed25519', 'esp256'))
) STRICT, WITHOUT ROWID;

CREATE TABLE device (
    id                 INTEGER PRIMARY KEY AUTOINCREMENT,
    name               TEXT NOT NULL UNIQUE,
    state              TEXT NOT NULL CHECK (state IN ('unclaimed', 'claimed')),
    profile            TEXT REFERENCES profile(name),
    class_name         TEXT NOT NULL,
    address            TEXT NOT NULL,
    sequence           INTEGER NOT NULL CHECK (sequence >= 0),
    telemetry_sequence INTEGER NOT NULL CHECK (telemetry_sequence >= 0),
    report_key_type    TEXT CHECK (report_key_type IN ('ed25519', 'p256')),
    report_key         BLOB,
    created_ms         INTEGER NOT NULL,
    seen_ms            INTEGER NOT NULL,
    CHECK ((report_key_type IS NULL) = (report_key IS NULL))
) STRICT;
-- For device_count and device_each of the unclaimed, asked at each registration of an unknown endpoint; at most 10,000.
CREATE INDEX device_unclaimed ON device(id) WHERE state = 'unclaimed';
-- Sequence numbers only rise (invariant I9), whoever writes.
CREATE TRIGGER device_sequence_rises BEFORE UPDATE OF sequence, telemetry_sequence ON device
WHEN NEW.sequence < OLD.sequence OR NEW.telemetry_sequence < OLD.telemetry_sequence
BEGIN SELECT RAISE(ABORT, 'a sequence number never falls'); END;

-- A deleted device of which something was counted. One that comes again under its name goes on under its id: what it
-- lost stays lost (filter, odometer), and its sequence number does not fall.
CREATE TABLE departed (
    name      TEXT PRIMARY KEY,
    device_id INTEGER NOT NULL UNIQUE,
    sequence  INTEGER NOT NULL CHECK (sequence >= 0)
) STRICT, WITHOUT ROWID;

CREATE TABLE label (
    device_id INTEGER NOT NULL REFERENCES device(id) ON DELETE CASCADE,
    key       TEXT NOT NULL,
    value     TEXT NOT NULL,
    PRIMARY KEY (device_id, key)
) STRICT, WITHOUT ROWID;

CREATE TABLE registration (
    id         INTEGER PRIMARY KEY,
    device_id  INTEGER NOT NULL REFERENCES device(id) ON DELETE CASCADE,
    location   TEXT NOT NULL UNIQUE,
    endpoint   TEXT NOT NULL,
    sector     TEXT NOT NULL,
    base       TEXT NOT NULL,
    lifetime_s INTEGER NOT NULL CHECK (lifetime_s > 0),
    expires_ms INTEGER NOT NULL,
    links      TEXT NOT NULL,
    UNIQUE (endpoint, sector)
) STRICT;
-- For registration_expire, which runs with every tick.
CREATE INDEX registration_expiry ON registration(expires_ms);
-- For device_delete, whose cascade would else read the whole table.
CREATE INDEX registration_device ON registration(device_id);

-- "grant" and "release" are SQL's own words in other databases; they are quoted nowhere here, SQLite allows them.
CREATE TABLE grant (
    id         INTEGER PRIMARY KEY,
    tenant_id  INTEGER NOT NULL REFERENCES tenant(id),
    selector   TEXT NOT NULL,
    sensors    TEXT NOT NULL,
    helpers    TEXT NOT NULL,
    slots      TEXT NOT NULL,
    until_ms   INTEGER NOT NULL,
    created_ms INTEGER NOT NULL,
    revoked_ms INTEGER NOT NULL DEFAULT 0
) STRICT;

-- Content by its SHA-256: bundles, containers, manifests.
CREATE TABLE blob (
    id      INTEGER PRIMARY KEY,
    digest  BLOB NOT NULL UNIQUE CHECK (length(digest) = 32),
    content BLOB NOT NULL
) STRICT;

CREATE TABLE image (
    id            INTEGER PRIMARY KEY,
    tenant_id     INTEGER NOT NULL REFERENCES tenant(id),
    name          TEXT NOT NULL,
    version       TEXT NOT NULL,
    type          TEXT NOT NULL,
    sensor        TEXT NOT NULL,
    helpers       TEXT NOT NULL,
    digest        BLOB NOT NULL REFERENCES blob(digest),
    size          INTEGER NOT NULL CHECK (size >= 0),
    bundle_digest BLOB NOT NULL REFERENCES blob(digest),
    signer        BLOB NOT NULL CHECK (length(signer) = 32),
    created_ms    INTEGER NOT NULL,
    UNIQUE (tenant_id, name, version)
) STRICT;

-- A slot that somebody holds; a free one has no row.
CREATE TABLE slot (
    device_id   INTEGER NOT NULL REFERENCES device(id) ON DELETE CASCADE,
    slot        INTEGER NOT NULL CHECK (slot >= 0),
    tenant_id   INTEGER NOT NULL REFERENCES tenant(id),
    image_id    INTEGER REFERENCES image(id),
    state       TEXT NOT NULL CHECK (state IN ('reserved', 'installed')),
    since_ms    INTEGER NOT NULL,
    poll_due_ms INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (device_id, slot)
) STRICT, WITHOUT ROWID;
-- For slot_polls_due and slot_next_poll, which run with every tick.
CREATE INDEX slot_poll ON slot(poll_due_ms) WHERE poll_due_ms > 0;

CREATE TABLE audit (
    sequence  INTEGER PRIMARY KEY,
    at_ms     INTEGER NOT NULL,
    actor     TEXT NOT NULL,
    action    TEXT NOT NULL,
    subject   TEXT NOT NULL,
    tenant_id INTEGER NOT NULL, -- 0: of all
    detail    TEXT NOT NULL,
    previous  BLOB NOT NULL CHECK (length(previous) = 32),
    hash      BLOB NOT NULL CHECK (length(hash) = 32)
) STRICT;
CREATE TRIGGER audit_stays BEFORE UPDATE ON audit
BEGIN SELECT RAISE(ABORT, 'the audit record is only ever added to'); END;
CREATE TRIGGER audit_is_kept BEFORE DELETE ON audit
BEGIN SELECT RAISE(ABORT, 'the audit record is only ever added to'); END;
