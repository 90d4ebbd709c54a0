-- Pictures. A row outlives its file: the recipe makes the file again.

CREATE TABLE images (
  num     INTEGER PRIMARY KEY,
  id      TEXT NOT NULL UNIQUE,
  job     INTEGER NOT NULL REFERENCES jobs (num) ON DELETE CASCADE,
  idx     INTEGER NOT NULL CHECK (idx >= 0),
  seed    TEXT NOT NULL CHECK (length(seed) BETWEEN 1 AND 20),
  width   INTEGER NOT NULL CHECK (width > 0),
  height  INTEGER NOT NULL CHECK (height > 0),
  hash    TEXT NOT NULL CHECK (length(hash) = 64),
  deleted INTEGER NOT NULL DEFAULT 0 CHECK (deleted IN (0, 1)),
  at      INTEGER NOT NULL,
  UNIQUE (job, idx)
) STRICT;

CREATE INDEX images_by_hash ON images (hash) WHERE deleted = 0;

-- Apart from images, because lists of jobs never need these large rows.
CREATE TABLE recipes (
  image               INTEGER PRIMARY KEY REFERENCES images (num) ON DELETE CASCADE,
  recipe_json         TEXT NOT NULL,
  embedding_dims_json TEXT,
  -- Little-endian 32-bit floats, row-major.
  embedding           BLOB
) STRICT;

-- One row per file that should lie in the image store; images with equal bytes share it.
CREATE TABLE files (
  hash      TEXT PRIMARY KEY CHECK (length(hash) = 64),
  bytes     INTEGER NOT NULL CHECK (bytes >= 0),
  stored_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX files_by_time ON files (stored_at, bytes);
