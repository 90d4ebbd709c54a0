-- Keys that let programs in. hash: the SHA-256 of the secret, which is nowhere.
CREATE TABLE api_keys (
  id          TEXT PRIMARY KEY,
  hash        BLOB NOT NULL CHECK (length(hash) = 32),
  name        TEXT NOT NULL UNIQUE,
  surface     TEXT NOT NULL,
  guild       TEXT NOT NULL,
  limits_json TEXT NOT NULL,
  created_at  INTEGER NOT NULL,
  used_at     INTEGER
) STRICT, WITHOUT ROWID;
