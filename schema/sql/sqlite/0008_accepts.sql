-- Which manifest signatures a kind of device verifies: any one of a comma list. "algorithm" stays the one that is
-- offered first. The project's own devices also verify hash-based signatures, which are larger.
ALTER TABLE profile ADD COLUMN accepts TEXT NOT NULL DEFAULT '';
UPDATE profile SET accepts = algorithm;
UPDATE profile SET accepts = 'ed25519,esp256,hss-lms', manifest_size_max = 4096 WHERE name = 'tinypart';
