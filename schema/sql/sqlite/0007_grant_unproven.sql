-- Whether a grant lets containers run that the verifier could not prove harmless. Grants made before say no.
ALTER TABLE grant ADD COLUMN unproven INTEGER NOT NULL DEFAULT 0 CHECK (unproven IN (0, 1));
