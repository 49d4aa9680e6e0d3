-- Policies, readings, and what was revealed of whom. All money is integer micro-epsilon, *_ueps (invariant I5).
-- What is spent never falls and charges are never changed: no refunds (invariant I4), whoever writes.

CREATE TABLE policy (
    id            INTEGER PRIMARY KEY,
    sensor        TEXT NOT NULL,
    version       INTEGER NOT NULL CHECK (version > 0),
    unit          TEXT NOT NULL,
    adjacency     TEXT NOT NULL,
    epoch_ms      INTEGER NOT NULL CHECK (epoch_ms > 0),
    scale         INTEGER NOT NULL CHECK (scale > 0),
    lower         INTEGER NOT NULL,
    upper         INTEGER NOT NULL,
    unit_text     TEXT NOT NULL,
    mechanism     TEXT NOT NULL,
    reading_ueps  INTEGER NOT NULL CHECK (reading_ueps >= 0),
    contributions INTEGER NOT NULL CHECK (contributions > 0),
    interval_ms   INTEGER NOT NULL,
    retention_ms  INTEGER NOT NULL,
    created_ms    INTEGER NOT NULL,
    document      BLOB NOT NULL,
    UNIQUE (sensor, version),
    CHECK (lower < upper)
) STRICT;

-- What a tenant may spend in each epoch from from_epoch on.
CREATE TABLE budget_cap (
    tenant_id  INTEGER NOT NULL REFERENCES tenant(id),
    from_epoch INTEGER NOT NULL,
    cap_ueps   INTEGER NOT NULL CHECK (cap_ueps >= 0),
    PRIMARY KEY (tenant_id, from_epoch)
) STRICT, WITHOUT ROWID;

-- What a tenant has spent in an epoch: a quota.
CREATE TABLE budget (
    tenant_id  INTEGER NOT NULL REFERENCES tenant(id),
    epoch      INTEGER NOT NULL,
    spent_ueps INTEGER NOT NULL,
    cap_ueps   INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, epoch),
    CHECK (spent_ueps BETWEEN 0 AND cap_ueps)
) STRICT, WITHOUT ROWID;
CREATE TRIGGER budget_gives_no_refund BEFORE UPDATE OF spent_ueps ON budget WHEN NEW.spent_ueps < OLD.spent_ueps
BEGIN SELECT RAISE(ABORT, 'what is spent never falls'); END;
CREATE TRIGGER budget_is_kept BEFORE DELETE ON budget
BEGIN SELECT RAISE(ABORT, 'the ledger forgets nothing'); END;

-- What a device has lost in an epoch, over all tenants: the guarantee. Like odometer and charge it outlives its device,
-- so device_id has no foreign key.
CREATE TABLE filter (
    device_id  INTEGER NOT NULL,
    epoch      INTEGER NOT NULL,
    spent_ueps INTEGER NOT NULL,
    cap_ueps   INTEGER NOT NULL,
    PRIMARY KEY (device_id, epoch),
    CHECK (spent_ueps BETWEEN 0 AND cap_ueps)
) STRICT, WITHOUT ROWID;
CREATE TRIGGER filter_gives_no_refund BEFORE UPDATE OF spent_ueps ON filter WHEN NEW.spent_ueps < OLD.spent_ueps
BEGIN SELECT RAISE(ABORT, 'what is spent never falls'); END;
CREATE TRIGGER filter_is_kept BEFORE DELETE ON filter
BEGIN SELECT RAISE(ABORT, 'the ledger forgets nothing'); END;

-- What a device has lost in its life. cap_ueps 0: unbounded, counted all the same.
CREATE TABLE odometer (
    device_id  INTEGER PRIMARY KEY,
    spent_ueps INTEGER NOT NULL,
    cap_ueps   INTEGER NOT NULL CHECK (cap_ueps >= 0),
    CHECK (spent_ueps >= 0 AND (cap_ueps = 0 OR spent_ueps <= cap_ueps))
) STRICT;
CREATE TRIGGER odometer_runs_forward BEFORE UPDATE OF spent_ueps ON odometer WHEN NEW.spent_ueps < OLD.spent_ueps
BEGIN SELECT RAISE(ABORT, 'what is spent never falls'); END;
CREATE TRIGGER odometer_is_kept BEFORE DELETE ON odometer WHEN OLD.spent_ueps > 0
BEGIN SELECT RAISE(ABORT, 'the ledger forgets nothing'); END;

-- One entry in the ledger: of a tenant's budget, or of a device's filter and odometer. No index: it is written with
-- every release and read as a whole, once, at start-up.
CREATE TABLE charge (
    id        INTEGER PRIMARY KEY,
    cause     TEXT NOT NULL CHECK (cause IN ('release', 'telemetry')),
    cause_id  INTEGER NOT NULL,
    tenant_id INTEGER,
    device_id INTEGER,
    epoch     INTEGER NOT NULL,
    ueps      INTEGER NOT NULL CHECK (ueps > 0),
    CHECK ((tenant_id IS NULL) <> (device_id IS NULL))
) STRICT;
CREATE TRIGGER charge_stays BEFORE UPDATE ON charge
BEGIN SELECT RAISE(ABORT, 'a charge is never changed'); END;
CREATE TRIGGER charge_is_kept BEFORE DELETE ON charge
BEGIN SELECT RAISE(ABORT, 'a charge is never taken back'); END;

CREATE TABLE reading (
    id             INTEGER PRIMARY KEY AUTOINCREMENT, -- charges name their reading: the id must not come again
    device_id      INTEGER NOT NULL REFERENCES device(id) ON DELETE CASCADE,
    sensor         TEXT NOT NULL,
    tenant_id      INTEGER, -- NULL: said by the device itself
    epoch          INTEGER NOT NULL,
    received_ms    INTEGER NOT NULL,
    value          INTEGER NOT NULL,
    scale          INTEGER NOT NULL CHECK (scale > 0),
    policy_version INTEGER NOT NULL,
    noised         INTEGER NOT NULL CHECK (noised IN (0, 1))
) STRICT;
-- For reading_aggregate, once per asked device and epoch: the newest raw and the newest noised readings each by itself.
-- Its rows end in the id, so the newest come first without a sort. Also for the cascade of device_delete.
CREATE INDEX reading_asked ON reading(device_id, sensor, epoch, noised);
-- For reading_expire, per policy version; rows are added at their ends only, which is cheap.
CREATE INDEX reading_raw ON reading(sensor, policy_version, received_ms) WHERE noised = 0;
CREATE INDEX reading_noised ON reading(sensor, policy_version, received_ms) WHERE noised = 1;

-- How many readings there are, kept as numbers for reading_count: status asks, and there may be millions.
INSERT INTO fact (name, value) VALUES ('readings_raw', 0), ('readings_noised', 0);
CREATE TRIGGER reading_comes AFTER INSERT ON reading
BEGIN UPDATE fact SET value = value + 1
      WHERE name = CASE NEW.noised WHEN 0 THEN 'readings_raw' ELSE 'readings_noised' END; END;
CREATE TRIGGER reading_goes AFTER DELETE ON reading
BEGIN UPDATE fact SET value = value - 1
      WHERE name = CASE OLD.noised WHEN 0 THEN 'readings_raw' ELSE 'readings_noised' END; END;

CREATE TABLE release (
    id             INTEGER PRIMARY KEY,
    request        TEXT NOT NULL,
    request_hash   BLOB NOT NULL CHECK (length(request_hash) = 32),
    tenant_id      INTEGER NOT NULL REFERENCES tenant(id),
    query          TEXT NOT NULL,
    sensor         TEXT NOT NULL,
    selector       TEXT NOT NULL,
    from_ms        INTEGER NOT NULL,
    to_ms          INTEGER NOT NULL,
    ueps           INTEGER NOT NULL CHECK (ueps > 0),
    policy_version INTEGER NOT NULL,
    cohort         INTEGER NOT NULL CHECK (cohort >= 0),
    created_ms     INTEGER NOT NULL,
    answer         TEXT, -- NULL only between release_insert and release_answer, within one transaction
    UNIQUE (tenant_id, request)
) STRICT;
CREATE TRIGGER release_stays BEFORE UPDATE ON release WHEN OLD.answer IS NOT NULL
BEGIN SELECT RAISE(ABORT, 'an answer is never changed'); END;
CREATE TRIGGER release_is_kept BEFORE DELETE ON release
BEGIN SELECT RAISE(ABORT, 'a release is never forgotten'); END;
