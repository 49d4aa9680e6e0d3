-- Noised values of one device and window, drawn once, charged once, and given to every tenant that asks the same. Scale
-- is that of Laplace noise, or the variance of Gaussian noise: so what was paid is part of what is asked.
CREATE TABLE shared_value (
    id             INTEGER PRIMARY KEY,
    device_id      INTEGER NOT NULL, -- like charges it outlives its device
    sensor         TEXT NOT NULL,
    policy_version INTEGER NOT NULL,
    query          TEXT NOT NULL,
    mechanism      TEXT NOT NULL,
    scale_num      INTEGER NOT NULL CHECK (scale_num > 0),
    scale_den      INTEGER NOT NULL CHECK (scale_den > 0),
    from_ms        INTEGER NOT NULL,
    to_ms          INTEGER NOT NULL,
    value          INTEGER NOT NULL,
    release_id     INTEGER NOT NULL REFERENCES release(id), -- that paid for it
    UNIQUE (device_id, sensor, from_ms, to_ms, policy_version, query, mechanism, scale_num, scale_den)
) STRICT;
CREATE TRIGGER shared_value_stays BEFORE UPDATE ON shared_value
BEGIN SELECT RAISE(ABORT, 'noise is drawn once'); END;
CREATE TRIGGER shared_value_is_kept BEFORE DELETE ON shared_value
BEGIN SELECT RAISE(ABORT, 'noise is drawn once'); END;
