-- In which rooms a person was.
CREATE INDEX jobs_by_user_and_room ON jobs (surface, user, room);
