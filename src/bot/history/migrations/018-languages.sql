-- What whoever asked reads: a job's message is brought up to date long after. Absent for English.
ALTER TABLE jobs ADD COLUMN language TEXT;

-- The same for whoever had something removed, and is told what is left of it.
ALTER TABLE postings ADD COLUMN language TEXT;
