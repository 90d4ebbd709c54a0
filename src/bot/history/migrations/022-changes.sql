-- What administrators and moderators change, among many pictures that their own people deleted.

-- What a change is about; '' for what is none.
ALTER TABLE audit ADD COLUMN kind TEXT NOT NULL DEFAULT '';
UPDATE audit SET kind = 'rules' WHERE action = 'set';
UPDATE audit SET kind = 'requests' WHERE action IN ('cancel', 'overrule');

CREATE INDEX audit_by_kind ON audit (kind);
CREATE INDEX audit_of_changes ON audit (num) WHERE kind <> '';
CREATE INDEX audit_of_changes_by_guild ON audit (guild) WHERE kind <> '';
