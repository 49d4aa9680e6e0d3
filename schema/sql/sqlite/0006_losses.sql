-- Losses in three currencies side by side (epsilon, rho, delta), reserves of tenants, and a ledger that charges whole
-- cohorts in one statement. Amounts: *_ueps micro-epsilon, *_nrho nano-rho, *_delta 2^-64ths; rounded against the
-- spender. What was charged before had a pure epsilon; its rho is the lesser of epsilon^2/2 and epsilon, rounded up.
--
-- Devices are kept 64 together: device id = chunk * 64 + slot. What the devices of a chunk have lost is one blob
-- ("cells"), big-endian: the three totals over the chunk (8 bytes each), then for each slot its ueps (top bit: some of it
-- has no pure epsilon), nrho, delta. So a charge writes one row for 64 devices, and as blobs compare byte by byte, the
-- triggers see a total that falls. ledger_cells() and the other ledger_*() functions are the store's own, for good.

CREATE TABLE filter_cap (
    epoch     INTEGER PRIMARY KEY,
    cap_ueps  INTEGER NOT NULL CHECK (cap_ueps >= 0),
    cap_nrho  INTEGER NOT NULL CHECK (cap_nrho >= 0), -- 2^57-1: not bounded
    cap_delta INTEGER NOT NULL CHECK (cap_delta >= 0),
    pure_only INTEGER NOT NULL CHECK (pure_only IN (0, 1)) -- 1: nothing without a pure epsilon passes
) STRICT;
INSERT INTO filter_cap SELECT epoch, min(cap_ueps), 144115188075855871, 0, 1 FROM filter GROUP BY epoch;
CREATE TRIGGER filter_cap_is_kept BEFORE DELETE ON filter_cap
BEGIN SELECT RAISE(ABORT, 'the ledger forgets nothing'); END;

-- What devices have lost in an epoch, over all tenants: the guarantee. place = epoch * 2^32 + chunk.
CREATE TABLE filter_cells (
    place INTEGER PRIMARY KEY,
    cells BLOB NOT NULL CHECK (length(cells) = 1560)
) STRICT;
INSERT INTO filter_cells SELECT f.epoch * 4294967296 + f.device_id / 64,
    ledger_cells(f.device_id % 64, f.spent_ueps, coalesce(c.nrho, 0))
    FROM filter f LEFT JOIN (SELECT device_id, epoch, sum(CASE WHEN ueps < 2000000 THEN (ueps * ueps + 1999) / 2000 ELSE min(ueps, 144115188075855) * 1000 END) AS nrho
                             FROM charge WHERE device_id IS NOT NULL GROUP BY device_id, epoch) c
    ON c.device_id = f.device_id AND c.epoch = f.epoch GROUP BY 1;
DROP TABLE filter;
ALTER TABLE filter_cells RENAME TO filter;
CREATE TRIGGER filter_gives_no_refund BEFORE UPDATE ON filter WHEN NEW.place <> OLD.place
  OR substr(NEW.cells, 1, 8) < substr(OLD.cells, 1, 8) OR substr(NEW.cells, 9, 8) < substr(OLD.cells, 9, 8)
  OR substr(NEW.cells, 17, 8) < substr(OLD.cells, 17, 8)
BEGIN SELECT RAISE(ABORT, 'what is spent never falls'); END;
CREATE TRIGGER filter_is_kept BEFORE DELETE ON filter
BEGIN SELECT RAISE(ABORT, 'the ledger forgets nothing'); END;

-- The part of it that was drawn from what no tenant has reserved; kept for epochs in which tenants have reserves.
CREATE TABLE pool (
    place INTEGER PRIMARY KEY,
    cells BLOB NOT NULL CHECK (length(cells) = 1560)
) STRICT;
CREATE TRIGGER pool_gives_no_refund BEFORE UPDATE ON pool WHEN NEW.place <> OLD.place
  OR substr(NEW.cells, 1, 8) < substr(OLD.cells, 1, 8) OR substr(NEW.cells, 9, 8) < substr(OLD.cells, 9, 8)
  OR substr(NEW.cells, 17, 8) < substr(OLD.cells, 17, 8)
BEGIN SELECT RAISE(ABORT, 'what is spent never falls'); END;
CREATE TRIGGER pool_is_kept BEFORE DELETE ON pool
BEGIN SELECT RAISE(ABORT, 'the ledger forgets nothing'); END;

-- What a tenant that has a reserve in an epoch took of devices in it.
CREATE TABLE share (
    id        INTEGER PRIMARY KEY,
    tenant_id INTEGER NOT NULL REFERENCES tenant(id),
    place     INTEGER NOT NULL,
    cells     BLOB NOT NULL CHECK (length(cells) = 1560),
    UNIQUE (place, tenant_id)
) STRICT;
CREATE TRIGGER share_gives_no_refund BEFORE UPDATE ON share WHEN NEW.place <> OLD.place OR NEW.tenant_id <> OLD.tenant_id
  OR substr(NEW.cells, 1, 8) < substr(OLD.cells, 1, 8) OR substr(NEW.cells, 9, 8) < substr(OLD.cells, 9, 8)
  OR substr(NEW.cells, 17, 8) < substr(OLD.cells, 17, 8)
BEGIN SELECT RAISE(ABORT, 'what is spent never falls'); END;
CREATE TRIGGER share_is_kept BEFORE DELETE ON share
BEGIN SELECT RAISE(ABORT, 'the ledger forgets nothing'); END;

-- The odometers: what devices have lost in their lives, and what each may (0: unbounded, counted all the same).
-- place = chunk. They outlive their devices.
CREATE TABLE life (
    place INTEGER PRIMARY KEY,
    cells BLOB NOT NULL CHECK (length(cells) = 1560)
) STRICT;
INSERT INTO life SELECT o.device_id / 64, ledger_cells(o.device_id % 64, o.spent_ueps, coalesce(c.nrho, 0))
    FROM odometer o LEFT JOIN (SELECT device_id, sum(CASE WHEN ueps < 2000000 THEN (ueps * ueps + 1999) / 2000 ELSE min(ueps, 144115188075855) * 1000 END) AS nrho
                               FROM charge WHERE device_id IS NOT NULL GROUP BY device_id) c
    ON c.device_id = o.device_id WHERE o.spent_ueps > 0 GROUP BY 1;
CREATE TRIGGER life_runs_forward BEFORE UPDATE ON life WHEN NEW.place <> OLD.place
  OR substr(NEW.cells, 1, 8) < substr(OLD.cells, 1, 8) OR substr(NEW.cells, 9, 8) < substr(OLD.cells, 9, 8)
  OR substr(NEW.cells, 17, 8) < substr(OLD.cells, 17, 8)
BEGIN SELECT RAISE(ABORT, 'what is spent never falls'); END;
CREATE TRIGGER life_is_kept BEFORE DELETE ON life
BEGIN SELECT RAISE(ABORT, 'the ledger forgets nothing'); END;
CREATE TABLE life_cap (
    place INTEGER PRIMARY KEY,
    cells BLOB NOT NULL CHECK (length(cells) = 1560)
) STRICT;
INSERT INTO life_cap SELECT device_id / 64, ledger_cells(device_id % 64, cap_ueps, 0)
    FROM odometer WHERE cap_ueps > 0 GROUP BY 1;
DROP TABLE odometer;

-- What a tenant may spend in each epoch from from_epoch on, what of each device is reserved to it, and how much of its
-- cap it may spend as an epoch begins; the rest is unlocked evenly until its end.
CREATE TABLE budget_terms (
    tenant_id     INTEGER NOT NULL REFERENCES tenant(id),
    from_epoch    INTEGER NOT NULL,
    cap_ueps      INTEGER NOT NULL CHECK (cap_ueps >= 0),
    cap_nrho      INTEGER NOT NULL CHECK (cap_nrho >= 0),
    cap_delta     INTEGER NOT NULL CHECK (cap_delta >= 0),
    pure_only     INTEGER NOT NULL CHECK (pure_only IN (0, 1)),
    reserve_ueps  INTEGER NOT NULL CHECK (reserve_ueps >= 0),
    reserve_nrho  INTEGER NOT NULL CHECK (reserve_nrho >= 0),
    reserve_delta INTEGER NOT NULL CHECK (reserve_delta >= 0),
    unlock_ppm    INTEGER NOT NULL CHECK (unlock_ppm BETWEEN 0 AND 1000000),
    PRIMARY KEY (tenant_id, from_epoch)
) STRICT, WITHOUT ROWID;
INSERT INTO budget_terms SELECT tenant_id, from_epoch, cap_ueps, 144115188075855871, 0, 1, 0, 0, 0, 1000000 FROM budget_cap;
DROP TABLE budget_cap;

-- What a tenant has spent in an epoch: a quota.
CREATE TABLE budget_of_losses (
    tenant_id   INTEGER NOT NULL REFERENCES tenant(id),
    epoch       INTEGER NOT NULL,
    spent_ueps  INTEGER NOT NULL,
    spent_nrho  INTEGER NOT NULL,
    spent_delta INTEGER NOT NULL,
    impure      INTEGER NOT NULL CHECK (impure IN (0, 1)), -- some of it had no pure epsilon
    cap_ueps    INTEGER NOT NULL,
    cap_nrho    INTEGER NOT NULL,
    cap_delta   INTEGER NOT NULL,
    pure_only   INTEGER NOT NULL CHECK (pure_only IN (0, 1)),
    PRIMARY KEY (tenant_id, epoch),
    CHECK (spent_ueps BETWEEN 0 AND cap_ueps AND spent_nrho BETWEEN 0 AND cap_nrho AND spent_delta BETWEEN 0 AND cap_delta)
) STRICT, WITHOUT ROWID;
INSERT INTO budget_of_losses SELECT b.tenant_id, b.epoch, b.spent_ueps, coalesce(c.nrho, 0), 0, 0, b.cap_ueps, 144115188075855871,
    0, 1
    FROM budget b LEFT JOIN (SELECT tenant_id, epoch, sum(CASE WHEN ueps < 2000000 THEN (ueps * ueps + 1999) / 2000 ELSE min(ueps, 144115188075855) * 1000 END) AS nrho
                             FROM charge WHERE tenant_id IS NOT NULL GROUP BY tenant_id, epoch) c
    ON c.tenant_id = b.tenant_id AND c.epoch = b.epoch;
DROP TABLE budget;
ALTER TABLE budget_of_losses RENAME TO budget;
CREATE TRIGGER budget_gives_no_refund BEFORE UPDATE ON budget WHEN NEW.spent_ueps < OLD.spent_ueps
  OR NEW.spent_nrho < OLD.spent_nrho OR NEW.spent_delta < OLD.spent_delta OR NEW.impure < OLD.impure
BEGIN SELECT RAISE(ABORT, 'what is spent never falls'); END;
CREATE TRIGGER budget_is_kept BEFORE DELETE ON budget
BEGIN SELECT RAISE(ABORT, 'the ledger forgets nothing'); END;

-- Sets of devices that were asked together; many releases ask the same set. members: for each chunk, ascending, its
-- number (4 bytes, big-endian) and a bit for each slot (8 bytes, big-endian; bit 0 is slot 0).
CREATE TABLE cohort (
    id      INTEGER PRIMARY KEY,
    sha256  BLOB NOT NULL UNIQUE CHECK (length(sha256) = 32),
    devices INTEGER NOT NULL CHECK (devices > 0),
    members BLOB NOT NULL
) STRICT;
CREATE TRIGGER cohort_stays BEFORE UPDATE ON cohort
BEGIN SELECT RAISE(ABORT, 'a cohort is never changed'); END;
CREATE TRIGGER cohort_is_kept BEFORE DELETE ON cohort
BEGIN SELECT RAISE(ABORT, 'the ledger forgets nothing'); END;

-- One entry in the ledger: a loss in one epoch, to the filter and the odometer of one device or of each device of a
-- cohort, to a tenant's budget, or to both. No index: it is written with every release and read as a whole.
CREATE TABLE charge_of_losses (
    id        INTEGER PRIMARY KEY,
    cause     TEXT NOT NULL CHECK (cause IN ('release', 'telemetry')),
    cause_id  INTEGER NOT NULL,
    tenant_id INTEGER,
    device_id INTEGER,
    cohort_id INTEGER REFERENCES cohort(id),
    epoch     INTEGER NOT NULL,
    ueps      INTEGER CHECK (ueps > 0), -- NULL: it has no pure epsilon
    nrho      INTEGER NOT NULL CHECK (nrho > 0),
    delta     INTEGER NOT NULL CHECK (delta >= 0),
    CHECK (device_id IS NULL OR cohort_id IS NULL),
    CHECK (coalesce(tenant_id, device_id, cohort_id) IS NOT NULL)
) STRICT;
INSERT INTO charge_of_losses SELECT id, cause, cause_id, tenant_id, device_id, NULL, epoch, ueps, CASE WHEN ueps < 2000000 THEN (ueps * ueps + 1999) / 2000 ELSE min(ueps, 144115188075855) * 1000 END, 0 FROM charge;
DROP TABLE charge;
ALTER TABLE charge_of_losses RENAME TO charge;
CREATE TRIGGER charge_stays BEFORE UPDATE ON charge
BEGIN SELECT RAISE(ABORT, 'a charge is never changed'); END;
CREATE TRIGGER charge_is_kept BEFORE DELETE ON charge
BEGIN SELECT RAISE(ABORT, 'a charge is never taken back'); END;

-- A release states its mechanism and its loss in each currency; parameters: what a kind of query has of its own, as JSON.
CREATE TABLE release_of_losses (
    id             INTEGER PRIMARY KEY,
    request        TEXT NOT NULL,
    request_hash   BLOB NOT NULL CHECK (length(request_hash) = 32),
    tenant_id      INTEGER NOT NULL REFERENCES tenant(id),
    query          TEXT NOT NULL,
    sensor         TEXT NOT NULL,
    selector       TEXT NOT NULL,
    parameters     TEXT NOT NULL,
    from_ms        INTEGER NOT NULL,
    to_ms          INTEGER NOT NULL,
    mechanism      TEXT NOT NULL,
    ueps           INTEGER CHECK (ueps > 0), -- NULL: it has no pure epsilon
    nrho           INTEGER NOT NULL CHECK (nrho > 0),
    delta          INTEGER NOT NULL CHECK (delta >= 0),
    policy_version INTEGER NOT NULL,
    cohort         INTEGER NOT NULL CHECK (cohort >= 0),
    created_ms     INTEGER NOT NULL,
    answer         TEXT, -- NULL only between release_insert and release_answer, within one transaction
    UNIQUE (tenant_id, request)
) STRICT;
INSERT INTO release_of_losses SELECT id, request, request_hash, tenant_id, query, sensor, selector, '', from_ms, to_ms,
    'laplace', ueps, CASE WHEN ueps < 2000000 THEN (ueps * ueps + 1999) / 2000 ELSE min(ueps, 144115188075855) * 1000 END, 0, policy_version, cohort, created_ms, answer FROM release;
DROP TABLE release;
ALTER TABLE release_of_losses RENAME TO release;
CREATE TRIGGER release_stays BEFORE UPDATE ON release WHEN OLD.answer IS NOT NULL
BEGIN SELECT RAISE(ABORT, 'an answer is never changed'); END;
CREATE TRIGGER release_is_kept BEFORE DELETE ON release
BEGIN SELECT RAISE(ABORT, 'a release is never forgotten'); END;

-- What one reading noised on board costs in each currency, and the parameters of its mechanism (0: they follow from the
-- others, as a Laplace scale does from bounds and epsilon).
ALTER TABLE policy ADD COLUMN reading_nrho INTEGER NOT NULL DEFAULT 0 CHECK (reading_nrho >= 0);
ALTER TABLE policy ADD COLUMN reading_delta INTEGER NOT NULL DEFAULT 0 CHECK (reading_delta >= 0);
ALTER TABLE policy ADD COLUMN reading_impure INTEGER NOT NULL DEFAULT 0 CHECK (reading_impure IN (0, 1));
ALTER TABLE policy ADD COLUMN parameter_num INTEGER NOT NULL DEFAULT 0 CHECK (parameter_num >= 0);
ALTER TABLE policy ADD COLUMN parameter_den INTEGER NOT NULL DEFAULT 0 CHECK (parameter_den >= 0);
UPDATE policy SET reading_nrho = CASE WHEN reading_ueps < 2000000 THEN (reading_ueps * reading_ueps + 1999) / 2000 ELSE min(reading_ueps, 144115188075855) * 1000 END;
