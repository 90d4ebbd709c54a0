-- Also those that were deleted are asked for what they were made of.
DROP INDEX images_by_hash;
CREATE INDEX images_by_hash ON images (hash, deleted);
