-- Vectors are raw readings, and are counted among them: status shows what of its devices a host keeps as it came.
UPDATE fact SET value = value + (SELECT count(*) FROM vector) WHERE name = 'readings_raw';
CREATE TRIGGER vector_comes AFTER INSERT ON vector
BEGIN UPDATE fact SET value = value + 1 WHERE name = 'readings_raw'; END;
CREATE TRIGGER vector_goes AFTER DELETE ON vector
BEGIN UPDATE fact SET value = value - 1 WHERE name = 'readings_raw'; END;
