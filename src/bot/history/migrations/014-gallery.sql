-- Which pictures are shown where, who likes them, and the words that find them. A deleted picture has no row in any of these.
CREATE TABLE gallery (
  image   INTEGER PRIMARY KEY REFERENCES images (num) ON DELETE CASCADE,
  surface TEXT NOT NULL,
  room    TEXT NOT NULL,
  user    TEXT NOT NULL
) STRICT;

CREATE INDEX gallery_by_room ON gallery (surface, room);
CREATE INDEX gallery_by_user ON gallery (surface, user);

CREATE TABLE favourites (
  surface TEXT NOT NULL,
  user    TEXT NOT NULL,
  image   INTEGER NOT NULL REFERENCES gallery (image) ON DELETE CASCADE,
  at      INTEGER NOT NULL,
  PRIMARY KEY (surface, user, image)
) STRICT, WITHOUT ROWID;

CREATE INDEX favourites_by_image ON favourites (image);

-- rowid: the image's. settings, place and liked: a word in hexadecimal digits for each setting with its value, each room or person,
-- so that the whole of a value is found and not a part of it, and the index alone gives a page of a room.
CREATE VIRTUAL TABLE gallery_words USING fts5 (
  prompt, negative, settings, place, liked,
  columnsize = 0, prefix = '1 2 3', tokenize = 'unicode61 remove_diacritics 2'
);
-- What is deleted leaves the index at once, not when its parts are merged.
INSERT INTO gallery_words (gallery_words, rank) VALUES ('secure-delete', 1);

CREATE VIEW gallery_sources AS
SELECT images.num AS image, jobs.surface, jobs.room, jobs.user, jobs.prompt, jobs.negative,
  (SELECT group_concat('s' || hex(lower(setting)), ' ') FROM (
    SELECT 'seed ' || images.seed AS setting
    UNION ALL SELECT printf('size %dx%d', images.width, images.height)
    UNION ALL SELECT 'width ' || images.width
    UNION ALL SELECT 'height ' || images.height
    UNION ALL SELECT 'n ' || jobs.n
    UNION ALL SELECT 'style ' || jobs.style
    UNION ALL SELECT printf('guidance %g', jobs.guidance)
    UNION ALL SELECT printf('decoder-guidance %g', jobs.decoder_guidance)
    UNION ALL SELECT 'decoder-steps ' || jobs.decoder_steps
    UNION ALL SELECT 'steps ' || jobs.steps
    UNION ALL SELECT 'by ' || jobs.user_name
    UNION ALL SELECT 'made ' || jobs.verb
    UNION ALL SELECT 'lora ' || json_extract(value, '$.name') FROM json_each(jobs.loras)
    UNION ALL SELECT DISTINCT value FROM json_each(jobs.origins) WHERE value LIKE 'preset %'
  ) WHERE setting IS NOT NULL)
  AS settings,
  'r' || hex(jobs.surface || ' ' || jobs.room) || ' u' || hex(jobs.surface || ' ' || jobs.user) AS place
FROM images JOIN jobs ON jobs.num = images.job;

CREATE TRIGGER gallery_takes_image AFTER INSERT ON images WHEN NEW.deleted = 0 BEGIN
  INSERT INTO gallery SELECT image, surface, room, user FROM gallery_sources WHERE image = NEW.num;
  INSERT INTO gallery_words (rowid, prompt, negative, settings, place, liked)
    SELECT image, prompt, negative, settings, place, '' FROM gallery_sources WHERE image = NEW.num;
END;
CREATE TRIGGER gallery_drops_image AFTER UPDATE OF deleted ON images WHEN NEW.deleted = 1 BEGIN
  DELETE FROM gallery WHERE image = NEW.num;
END;
CREATE TRIGGER gallery_drops_words AFTER DELETE ON gallery BEGIN
  DELETE FROM gallery_words WHERE rowid = OLD.image;
END;
CREATE TRIGGER gallery_is_liked AFTER INSERT ON favourites BEGIN
  UPDATE gallery_words SET liked = liked || ' l' || hex(NEW.surface || ' ' || NEW.user) WHERE rowid = NEW.image;
END;
CREATE TRIGGER gallery_is_not_liked AFTER DELETE ON favourites BEGIN
  UPDATE gallery_words SET liked = replace(liked, ' l' || hex(OLD.surface || ' ' || OLD.user), '') WHERE rowid = OLD.image;
END;

INSERT INTO gallery SELECT image, surface, room, user FROM gallery_sources
  WHERE image IN (SELECT num FROM images WHERE deleted = 0);
INSERT INTO gallery_words (rowid, prompt, negative, settings, place, liked)
  SELECT image, prompt, negative, settings, place, '' FROM gallery_sources WHERE image IN (SELECT image FROM gallery);

-- What was made from a picture.
CREATE INDEX jobs_by_parent ON jobs (parent_image) WHERE parent_image IS NOT NULL;
