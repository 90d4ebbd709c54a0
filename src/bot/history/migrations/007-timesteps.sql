-- Of Stage C, where a request has neither equal steps nor the usual schedule: a JSON array.
ALTER TABLE jobs ADD COLUMN timesteps TEXT;
