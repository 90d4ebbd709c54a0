-- The latest failures, for the page of the administration.
CREATE INDEX jobs_failed ON jobs (finished_at) WHERE state = 'failed';
