-- Images that travel encrypted. A device's P-256 key (0x04, x, y) that content keys are agreed with, which kinds of devices
-- can decrypt, and which orders ask for it. A step keeps the key of its newest try (16 bytes) and the counter that it
-- begins with (16 bytes), so that any block can be encrypted when it is asked for.
ALTER TABLE device ADD COLUMN encryption_key BLOB CHECK (encryption_key IS NULL OR length(encryption_key) = 65);
ALTER TABLE profile ADD COLUMN decrypts INTEGER NOT NULL DEFAULT 0 CHECK (decrypts IN (0, 1));
UPDATE profile SET decrypts = 1 WHERE name = 'tinypart';
ALTER TABLE rollout ADD COLUMN encrypted INTEGER NOT NULL DEFAULT 0 CHECK (encrypted IN (0, 1));
ALTER TABLE step ADD COLUMN content_key BLOB CHECK (content_key IS NULL OR length(content_key) = 32);
