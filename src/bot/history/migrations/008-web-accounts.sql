-- Names of the web chat that are bound to somebody, and what proves it. Secrets are stored as hashes only.

CREATE TABLE web_accounts (
  name       TEXT PRIMARY KEY,
  -- The same for names that look alike.
  looks      TEXT NOT NULL UNIQUE,
  admin      INTEGER NOT NULL CHECK (admin IN (0, 1)),
  created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- invitation: may be used once; without an account, whoever uses it chooses a free name.
-- token: for scripts, and to come back. device: a browser that is signed in; its cookie is signed, so it has no hash.
CREATE TABLE web_keys (
  id         TEXT PRIMARY KEY,
  kind       TEXT NOT NULL CHECK (kind IN ('invitation', 'token', 'device')),
  account    TEXT REFERENCES web_accounts (name) ON DELETE CASCADE,
  hash       TEXT CHECK (length(hash) = 64),
  admin      INTEGER NOT NULL CHECK (admin IN (0, 1)),
  label      TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  used_at    INTEGER,
  expires_at INTEGER,
  CHECK ((hash IS NULL) = (kind = 'device')),
  CHECK (account IS NOT NULL OR kind = 'invitation')
) STRICT, WITHOUT ROWID;

CREATE INDEX web_keys_by_account ON web_keys (account, created_at);
CREATE INDEX web_keys_invitations ON web_keys (id) WHERE kind = 'invitation';
CREATE INDEX web_keys_by_expiry ON web_keys (expires_at);
