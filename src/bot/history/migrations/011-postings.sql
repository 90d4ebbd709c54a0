-- What platforms show besides the messages of jobs, and what must go from them: of pictures that were deleted, of people
-- that were erased. A handle stays until what it names is gone. job, image: ids, which may be gone; no image: the whole job.
CREATE TABLE postings (
  num         INTEGER PRIMARY KEY AUTOINCREMENT,
  surface     TEXT NOT NULL,
  user        TEXT NOT NULL,
  job         TEXT NOT NULL,
  image       TEXT,
  handle_json TEXT NOT NULL,
  at          INTEGER NOT NULL,

  -- Since when it must go, when that is tried next, how often it was, and why it failed.
  doomed_at   INTEGER,
  due_at      INTEGER,
  tries       INTEGER NOT NULL DEFAULT 0,
  problem     TEXT
) STRICT;

CREATE INDEX postings_by_user ON postings (surface, user);
CREATE INDEX postings_by_job ON postings (job);
CREATE INDEX postings_doomed ON postings (surface, due_at) WHERE doomed_at IS NOT NULL;

-- Whether the message of a job still shows a picture that was deleted.
ALTER TABLE jobs ADD COLUMN outdated INTEGER NOT NULL DEFAULT 0 CHECK (outdated IN (0, 1));
CREATE INDEX jobs_outdated ON jobs (surface) WHERE outdated = 1;

-- For what is kept for a stated time.
CREATE INDEX jobs_by_end ON jobs (finished_at) WHERE finished_at IS NOT NULL;
CREATE INDEX audit_by_time ON audit (at);
CREATE INDEX users_by_time ON users (last_seen);
