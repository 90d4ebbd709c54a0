-- What people have used, what admins did, what still waits for a yes.

-- day: days since 1970 in UTC.
CREATE TABLE usage (
  kind    TEXT NOT NULL CHECK (kind IN ('user', 'guild')),
  surface TEXT NOT NULL,
  party   TEXT NOT NULL,
  day     INTEGER NOT NULL,
  ms      INTEGER NOT NULL,
  PRIMARY KEY (kind, surface, party, day)
) STRICT, WITHOUT ROWID;

CREATE INDEX usage_by_day ON usage (day);

-- The fair queue's accounts, in virtual time; user '' is the payer's own, payer '' holds the clock of the queue.
CREATE TABLE queue_shares (
  payer  TEXT NOT NULL,
  user   TEXT NOT NULL,
  tag    REAL NOT NULL,
  ticket INTEGER,
  clock  REAL NOT NULL,
  PRIMARY KEY (payer, user)
) STRICT, WITHOUT ROWID;

CREATE TABLE audit (
  num         INTEGER PRIMARY KEY AUTOINCREMENT,
  at          INTEGER NOT NULL,
  surface     TEXT NOT NULL,
  guild       TEXT NOT NULL,
  actor       TEXT NOT NULL,
  action      TEXT NOT NULL,
  target      TEXT NOT NULL,
  detail_json TEXT NOT NULL
) STRICT;

CREATE INDEX audit_by_guild ON audit (surface, guild);
CREATE INDEX audit_by_actor ON audit (surface, actor);
CREATE INDEX audit_by_target ON audit (surface, target);

CREATE TABLE confirmations (
  id            TEXT PRIMARY KEY,
  surface       TEXT NOT NULL,
  user          TEXT NOT NULL,
  caller_json   TEXT NOT NULL,
  requests_json TEXT NOT NULL,
  expires_at    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX confirmations_by_user ON confirmations (surface, user);
CREATE INDEX confirmations_by_expiry ON confirmations (expires_at);
