-- Whether a kind of device reads an access token beside its manifests, and holds containers to the helper calls in it.
ALTER TABLE profile ADD COLUMN tokens INTEGER NOT NULL DEFAULT 0 CHECK (tokens IN (0, 1));
UPDATE profile SET tokens = 1 WHERE name = 'tinypart';
