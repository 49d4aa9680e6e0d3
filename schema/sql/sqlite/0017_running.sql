-- Running counts: series of noised partial sums that grow as an epoch goes on. A series is charged when it begins, for
-- all that it may ever say; so its later releases cost nothing, and a release may cost nothing.
CREATE TABLE release_of_some_loss (
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
    ueps           INTEGER CHECK (ueps >= 0), -- NULL: it has no pure epsilon
    nrho           INTEGER NOT NULL CHECK (nrho >= 0),
    delta          INTEGER NOT NULL CHECK (delta >= 0),
    policy_version INTEGER NOT NULL,
    cohort         INTEGER NOT NULL CHECK (cohort >= 0),
    created_ms     INTEGER NOT NULL,
    answer         TEXT, -- NULL only between release_insert and release_answer, within one transaction
    UNIQUE (tenant_id, request),
    CHECK ((nrho = 0) = (ueps IS NOT NULL AND ueps = 0 AND delta = 0)) -- all of it or nothing
) STRICT;
INSERT INTO release_of_some_loss SELECT id, request, request_hash, tenant_id, query, sensor, selector, parameters, from_ms, to_ms,
    mechanism, ueps, nrho, delta, policy_version, cohort, created_ms, answer FROM release;
DROP TABLE release;
ALTER TABLE release_of_some_loss RENAME TO release;
CREATE TRIGGER release_stays BEFORE UPDATE ON release WHEN OLD.answer IS NOT NULL
BEGIN SELECT RAISE(ABORT, 'an answer is never changed'); END;
CREATE TRIGGER release_is_kept BEFORE DELETE ON release
BEGIN SELECT RAISE(ABORT, 'a release is never forgotten'); END;

-- What makes two requests the same series, and who is in it: the devices that were charged. Scale is that of Laplace
-- noise, or the variance of Gaussian noise. departures: the newest of departure as it began.
CREATE TABLE running_series (
    id             INTEGER PRIMARY KEY,
    tenant_id      INTEGER NOT NULL REFERENCES tenant(id),
    sensor         TEXT NOT NULL,
    selector       TEXT NOT NULL,
    epoch          INTEGER NOT NULL,
    step_ms        INTEGER NOT NULL CHECK (step_ms > 0),
    policy_version INTEGER NOT NULL,
    mechanism      TEXT NOT NULL,
    scale_num      INTEGER NOT NULL CHECK (scale_num > 0),
    scale_den      INTEGER NOT NULL CHECK (scale_den > 0),
    release_id     INTEGER NOT NULL REFERENCES release(id), -- that paid for it
    cohort_id      INTEGER REFERENCES cohort(id),
    device_id      INTEGER, -- a cohort of one
    departures     INTEGER NOT NULL CHECK (departures >= 0),
    UNIQUE (tenant_id, sensor, epoch, selector, step_ms, policy_version, mechanism, scale_num, scale_den),
    CHECK ((cohort_id IS NULL) <> (device_id IS NULL))
) STRICT;
CREATE TRIGGER running_series_stays BEFORE UPDATE ON running_series
BEGIN SELECT RAISE(ABORT, 'a series is never changed'); END;
CREATE TRIGGER running_series_is_kept BEFORE DELETE ON running_series
BEGIN SELECT RAISE(ABORT, 'a series is never forgotten'); END;

-- Its noised partial sums. The one of a step is over as many steps, this one the last, as the largest power of two that
-- divides its number. In order, so that none is drawn twice.
CREATE TABLE running_sum (
    series_id INTEGER NOT NULL REFERENCES running_series(id),
    step      INTEGER NOT NULL CHECK (step > 0),
    value     INTEGER NOT NULL,
    PRIMARY KEY (series_id, step)
) STRICT, WITHOUT ROWID;
CREATE TRIGGER running_sum_stays BEFORE UPDATE ON running_sum
BEGIN SELECT RAISE(ABORT, 'noise is drawn once'); END;
CREATE TRIGGER running_sum_is_kept BEFORE DELETE ON running_sum
BEGIN SELECT RAISE(ABORT, 'noise is drawn once'); END;

-- When a device was last deleted, in an order that no clock has a say in: its readings went along, and others under its
-- id would count anew in a series that it is in.
CREATE TABLE departure (
    device_id INTEGER PRIMARY KEY,
    number    INTEGER NOT NULL UNIQUE
) STRICT;
INSERT INTO departure SELECT device_id, row_number() OVER (ORDER BY device_id) FROM departed;
CREATE TRIGGER departed_is_numbered AFTER INSERT ON departed
BEGIN
  INSERT INTO departure VALUES (NEW.device_id, (SELECT coalesce(max(number), 0) + 1 FROM departure))
    ON CONFLICT (device_id) DO UPDATE SET number = excluded.number;
END;
