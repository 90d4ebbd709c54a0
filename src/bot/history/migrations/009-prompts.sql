-- How a prompt is read, how it was typed where it was changed, and what chose the values of a request (a JSON object).
ALTER TABLE jobs ADD COLUMN weighted INTEGER CHECK (weighted IN (0, 1));
ALTER TABLE jobs ADD COLUMN original TEXT;
ALTER TABLE jobs ADD COLUMN original_negative TEXT;
ALTER TABLE jobs ADD COLUMN origins TEXT;

-- Saved styles: of a person or a guild; owner '' for everyone everywhere.
CREATE TABLE presets (
  surface     TEXT NOT NULL,
  scope       TEXT NOT NULL CHECK (scope IN ('person', 'guild', 'everywhere')),
  owner       TEXT NOT NULL,
  name        TEXT NOT NULL,
  preset_json TEXT NOT NULL,
  PRIMARY KEY (surface, scope, owner, name)
) STRICT, WITHOUT ROWID;

-- Lists of words that prompts draw from, one choice a line.
CREATE TABLE wildcards (
  surface TEXT NOT NULL,
  guild   TEXT NOT NULL,
  name    TEXT NOT NULL,
  list    TEXT NOT NULL,
  PRIMARY KEY (surface, guild, name)
) STRICT, WITHOUT ROWID;

-- What is chosen where nothing is typed, as it would be typed; keys max-… are the most that is allowed.
CREATE TABLE defaults (
  surface TEXT NOT NULL,
  scope   TEXT NOT NULL CHECK (scope IN ('person', 'channel', 'guild')),
  owner   TEXT NOT NULL,
  key     TEXT NOT NULL,
  value   TEXT NOT NULL,
  PRIMARY KEY (surface, scope, owner, key)
) STRICT, WITHOUT ROWID;
