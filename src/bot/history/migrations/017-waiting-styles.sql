-- What waits is added up by style, for whoever starts and stops workers.
CREATE INDEX jobs_waiting_by_style ON jobs (style, estimate_ms) WHERE state = 'queued';
