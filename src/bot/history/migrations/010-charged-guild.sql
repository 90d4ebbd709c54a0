-- The guild whose quotas count a job: that of its room or, in a direct message, the one that pays for it.
ALTER TABLE jobs ADD COLUMN charged_guild TEXT;
UPDATE jobs SET charged_guild = guild;

DROP INDEX jobs_unfinished_by_guild;
CREATE INDEX jobs_unfinished_by_guild ON jobs (surface, charged_guild) WHERE state IN ('queued', 'running');

-- Whose share of the queue a job uses, where that is not its payer's: the person's own.
ALTER TABLE jobs ADD COLUMN queue_payer TEXT;
