-- Policies may ask devices for one answer for ever, and devices that noise on board are watched.
ALTER TABLE policy ADD COLUMN memo_step INTEGER NOT NULL DEFAULT 0 CHECK (memo_step >= 0);

-- Since when a device is suspect, and why; 0: it is not. Nothing that it posts is taken until somebody clears it.
ALTER TABLE device ADD COLUMN suspect_ms INTEGER NOT NULL DEFAULT 0 CHECK (suspect_ms >= 0);
ALTER TABLE device ADD COLUMN suspect_reason TEXT NOT NULL DEFAULT '';

-- What is kept of a device's noised readings to judge the next ones by; of a fixed size, as core/watch.h has it.
CREATE TABLE watch (
    device_id INTEGER NOT NULL REFERENCES device(id) ON DELETE CASCADE,
    sensor    TEXT NOT NULL,
    state     BLOB NOT NULL CHECK (length(state) = 120),
    PRIMARY KEY (device_id, sensor)
) STRICT, WITHOUT ROWID;
