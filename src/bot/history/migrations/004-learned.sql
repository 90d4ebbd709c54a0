-- What the bot has learned or was handed, and must not have to learn again.

CREATE TABLE step_times (
  checkpoint TEXT NOT NULL,
  stage      TEXT NOT NULL,
  width      INTEGER NOT NULL,
  height     INTEGER NOT NULL,
  seconds    REAL NOT NULL,
  samples    INTEGER NOT NULL,
  PRIMARY KEY (checkpoint, stage, width, height)
) STRICT, WITHOUT ROWID;

CREATE TABLE preview_maps (
  checkpoint TEXT NOT NULL,
  stage      TEXT NOT NULL,
  map_json   TEXT NOT NULL,
  PRIMARY KEY (checkpoint, stage)
) STRICT, WITHOUT ROWID;

-- Small states of other parts, each under its own name.
CREATE TABLE memos (
  owner      TEXT NOT NULL,
  key        TEXT NOT NULL,
  value_json TEXT NOT NULL,
  PRIMARY KEY (owner, key)
) STRICT, WITHOUT ROWID;

-- Workspaces where the bot was installed through OAuth. Holds tokens.
CREATE TABLE installations (
  surface    TEXT NOT NULL,
  id         TEXT NOT NULL,
  value_json TEXT NOT NULL,
  PRIMARY KEY (surface, id)
) STRICT, WITHOUT ROWID;
