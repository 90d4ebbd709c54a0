-- LoRAs of a request, a JSON list of { name, weight, hash }; NULL for none.
ALTER TABLE jobs ADD COLUMN loras TEXT;
