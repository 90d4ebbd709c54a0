-- The pictures that a request starts from: a JSON object.
ALTER TABLE jobs ADD COLUMN start TEXT;

-- Their files, as those of images, have rows in files.
CREATE TABLE given_pictures (
  job  INTEGER NOT NULL REFERENCES jobs (num) ON DELETE CASCADE,
  hash TEXT NOT NULL CHECK (length(hash) = 64),
  PRIMARY KEY (job, hash)
) STRICT, WITHOUT ROWID;

CREATE INDEX given_pictures_by_hash ON given_pictures (hash);
