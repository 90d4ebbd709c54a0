-- What the picture classifier found in a picture, and what a moderator decided instead.
ALTER TABLE images ADD COLUMN verdict_json TEXT;
ALTER TABLE images ADD COLUMN overruled TEXT CHECK (overruled IN ('shown', 'hidden'));
