-- Who asks, what was asked, what became of it. Times are milliseconds since 1970; JSON columns end in _json.

CREATE TABLE guilds (
  surface    TEXT NOT NULL,
  id         TEXT NOT NULL,
  first_seen INTEGER NOT NULL,
  PRIMARY KEY (surface, id)
) STRICT, WITHOUT ROWID;

-- No foreign key: the settings that hold everywhere belong to no guild.
CREATE TABLE settings (
  surface    TEXT NOT NULL,
  guild      TEXT NOT NULL,
  key        TEXT NOT NULL,
  value_json TEXT NOT NULL,
  PRIMARY KEY (surface, guild, key)
) STRICT, WITHOUT ROWID;

CREATE TABLE users (
  surface    TEXT NOT NULL,
  id         TEXT NOT NULL,
  name       TEXT NOT NULL,
  first_seen INTEGER NOT NULL,
  last_seen  INTEGER NOT NULL,
  PRIMARY KEY (surface, id)
) STRICT, WITHOUT ROWID;

-- num only grows and is never reused, so it is also the order of arrival.
CREATE TABLE jobs (
  num              INTEGER PRIMARY KEY AUTOINCREMENT,
  id               TEXT NOT NULL UNIQUE,

  surface          TEXT NOT NULL,
  user             TEXT NOT NULL,
  user_name        TEXT NOT NULL,
  room             TEXT NOT NULL,
  guild            TEXT,
  payer            TEXT NOT NULL,
  moderator        INTEGER NOT NULL CHECK (moderator IN (0, 1)),
  age_restricted   INTEGER NOT NULL CHECK (age_restricted IN (0, 1)),

  prompt           TEXT NOT NULL,
  negative         TEXT NOT NULL,
  width            INTEGER NOT NULL CHECK (width > 0),
  height           INTEGER NOT NULL CHECK (height > 0),
  n                INTEGER NOT NULL CHECK (n > 0),
  style            TEXT NOT NULL,
  -- Decimal digits: 64 unsigned bits do not fit an SQLite integer.
  seed             TEXT NOT NULL CHECK (length(seed) BETWEEN 1 AND 20),
  steps            INTEGER,
  decoder_steps    INTEGER NOT NULL,
  guidance         REAL NOT NULL,
  decoder_guidance REAL NOT NULL,
  spoiler          INTEGER NOT NULL CHECK (spoiler IN (0, 1)),

  -- The parents may be erased while their children stay, so these are no foreign keys.
  verb             TEXT,
  parent_image     TEXT,
  parent_job       TEXT,
  strength         REAL,
  notes_json       TEXT NOT NULL,

  state            TEXT NOT NULL CHECK (state IN ('queued', 'running', 'done', 'failed', 'cancelled')),
  error_json       TEXT,
  attempts         INTEGER NOT NULL DEFAULT 0 CHECK (attempts >= 0),
  created_at       INTEGER NOT NULL,
  started_at       INTEGER,
  finished_at      INTEGER,

  -- Among the waiting jobs of one person, the greater goes first; then the order is num.
  priority         REAL NOT NULL DEFAULT 0,

  -- Accelerator time: expected, and what the ledger has been charged for on which day.
  estimate_ms      INTEGER NOT NULL CHECK (estimate_ms >= 0),
  charged_ms       INTEGER NOT NULL CHECK (charged_ms >= 0),
  charged_day      INTEGER NOT NULL,

  -- The platform's handle on the message that shows the job.
  message_json     TEXT,
  delivered_at     INTEGER,
  delivery_problem TEXT,

  FOREIGN KEY (surface, user) REFERENCES users (surface, id),
  FOREIGN KEY (surface, guild) REFERENCES guilds (surface, id)
) STRICT;

CREATE INDEX jobs_by_user ON jobs (surface, user);
CREATE INDEX jobs_by_room ON jobs (surface, room);
CREATE INDEX jobs_waiting ON jobs (num) WHERE state = 'queued';
CREATE INDEX jobs_running ON jobs (num) WHERE state = 'running';
CREATE INDEX jobs_unfinished_by_user ON jobs (surface, user) WHERE state IN ('queued', 'running');
CREATE INDEX jobs_unfinished_by_guild ON jobs (surface, guild) WHERE state IN ('queued', 'running');
CREATE INDEX jobs_undelivered ON jobs (surface)
  WHERE delivered_at IS NULL AND state IN ('done', 'failed', 'cancelled');

CREATE TABLE idempotency_keys (
  surface TEXT NOT NULL,
  user    TEXT NOT NULL,
  key     TEXT NOT NULL,
  job     INTEGER NOT NULL REFERENCES jobs (num) ON DELETE CASCADE,
  at      INTEGER NOT NULL,
  PRIMARY KEY (surface, user, key)
) STRICT, WITHOUT ROWID;

CREATE INDEX idempotency_keys_by_job ON idempotency_keys (job);
CREATE INDEX idempotency_keys_by_time ON idempotency_keys (at);

-- AUTOINCREMENT: a number is never used twice, also after old events were deleted.
CREATE TABLE events (
  seq     INTEGER PRIMARY KEY AUTOINCREMENT,
  job     INTEGER NOT NULL REFERENCES jobs (num) ON DELETE CASCADE,
  surface TEXT NOT NULL,
  room    TEXT NOT NULL,
  type    TEXT NOT NULL,
  image   TEXT,
  at      INTEGER NOT NULL
) STRICT;

CREATE INDEX events_by_room ON events (surface, room);
CREATE INDEX events_by_job ON events (job);
CREATE INDEX events_by_time ON events (at);
