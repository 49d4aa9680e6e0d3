-- How many rows wait for a sink, kept as a number: it is asked for with every pack of telemetry, and bounds the outbox.
ALTER TABLE sink ADD COLUMN waiting INTEGER NOT NULL DEFAULT 0 CHECK (waiting >= 0);
UPDATE sink SET waiting = (SELECT count(*) FROM outbox WHERE sink_id = sink.id AND delivered_ms = 0);

-- For outbox_expire: what was acknowledged, oldest first.
CREATE INDEX outbox_delivered ON outbox(delivered_ms) WHERE delivered_ms > 0;

-- For reading_expire: readings noised on board go the same way as raw ones.
CREATE INDEX reading_noised ON reading(sensor, policy_version, received_ms) WHERE noised = 1;
