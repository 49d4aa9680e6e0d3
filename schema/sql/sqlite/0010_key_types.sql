-- Tenants sign images, and devices reports, with hash-based and lattice keys too. A CHECK cannot be altered, so both
-- tables are made anew; foreign keys are not enforced while migrations run, and checked before each is committed.

CREATE TABLE tenant_key_next (
    id          INTEGER PRIMARY KEY,
    tenant_id   INTEGER NOT NULL REFERENCES tenant(id),
    type        TEXT NOT NULL CHECK (type IN ('ed25519', 'p256', 'hss-lms', 'ml-dsa-44', 'ml-dsa-65', 'ml-dsa-87')),
    raw         BLOB NOT NULL,
    fingerprint BLOB NOT NULL UNIQUE CHECK (length(fingerprint) = 32), -- one public key belongs to one tenant only
    created_ms  INTEGER NOT NULL,
    revoked_ms  INTEGER NOT NULL DEFAULT 0
) STRICT;
INSERT INTO tenant_key_next (id, tenant_id, type, raw, fingerprint, created_ms, revoked_ms)
    SELECT id, tenant_id, type, raw, fingerprint, created_ms, revoked_ms FROM tenant_key;
DROP TABLE tenant_key;
ALTER TABLE tenant_key_next RENAME TO tenant_key;

CREATE TABLE device_next (
    id                 INTEGER PRIMARY KEY AUTOINCREMENT,
    name               TEXT NOT NULL UNIQUE,
    state              TEXT NOT NULL CHECK (state IN ('unclaimed', 'claimed')),
    profile            TEXT REFERENCES profile(name),
    class_name         TEXT NOT NULL,
    address            TEXT NOT NULL,
    sequence           INTEGER NOT NULL CHECK (sequence >= 0),
    telemetry_sequence INTEGER NOT NULL CHECK (telemetry_sequence >= 0),
    report_key_type    TEXT
        CHECK (report_key_type IN ('ed25519', 'p256', 'hss-lms', 'ml-dsa-44', 'ml-dsa-65', 'ml-dsa-87')),
    report_key         BLOB,
    created_ms         INTEGER NOT NULL,
    seen_ms            INTEGER NOT NULL,
    CHECK ((report_key_type IS NULL) = (report_key IS NULL))
) STRICT;
INSERT INTO device_next (id, name, state, profile, class_name, address, sequence, telemetry_sequence, report_key_type,
                         report_key, created_ms, seen_ms)
    SELECT id, name, state, profile, class_name, address, sequence, telemetry_sequence, report_key_type, report_key,
           created_ms, seen_ms FROM device;
-- Ids of deleted devices stay used up: what AUTOINCREMENT remembers goes along.
DELETE FROM sqlite_sequence WHERE name = 'device_next';
INSERT INTO sqlite_sequence (name, seq) SELECT 'device_next', seq FROM sqlite_sequence WHERE name = 'device';
DROP TABLE device;
ALTER TABLE device_next RENAME TO device;
-- For device_count and device_each of the unclaimed, asked at each registration of an unknown endpoint; at most 10,000.
CREATE INDEX device_unclaimed ON device(id) WHERE state = 'unclaimed';
-- Sequence numbers only rise (invariant I9), whoever writes.
CREATE TRIGGER device_sequence_rises BEFORE UPDATE OF sequence, telemetry_sequence ON device
WHEN NEW.sequence < OLD.sequence OR NEW.telemetry_sequence < OLD.telemetry_sequence
BEGIN SELECT RAISE(ABORT, 'a sequence number never falls'); END;
