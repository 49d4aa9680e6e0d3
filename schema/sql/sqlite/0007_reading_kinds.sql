-- For reading_aggregate, which counts the newest raw and the newest noised readings of a device and epoch each by itself.
DROP INDEX reading_asked;
CREATE INDEX reading_asked ON reading(device_id, sensor, epoch, noised);
