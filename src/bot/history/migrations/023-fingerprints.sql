-- What came with a key that a program chose, as a hash; NULL where it is not compared.

ALTER TABLE idempotency_keys ADD COLUMN fingerprint TEXT;
