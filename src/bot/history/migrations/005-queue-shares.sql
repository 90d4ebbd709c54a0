-- The fair queue's shares in virtual time. level: '' for the payers, a payer for its users. key: a payer or a user,
-- '' for the clock of the level.
CREATE TABLE shares (
  level  TEXT NOT NULL,
  key    TEXT NOT NULL,
  tag    REAL NOT NULL,
  ticket INTEGER,
  PRIMARY KEY (level, key)
) STRICT, WITHOUT ROWID;

INSERT INTO shares SELECT '', payer, CASE payer WHEN '' THEN clock ELSE tag END, ticket FROM queue_shares WHERE user = '';
INSERT INTO shares SELECT payer, '', clock, NULL FROM queue_shares WHERE user = '' AND payer <> '';
INSERT INTO shares SELECT payer, user, tag, ticket FROM queue_shares WHERE user <> '';

DROP TABLE queue_shares;
ALTER TABLE shares RENAME TO queue_shares;
