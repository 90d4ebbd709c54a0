-- Where a program wants to hear of the ends of its requests.
ALTER TABLE api_keys ADD COLUMN webhook TEXT;

-- Messages that are still to be sent. id: of the message, the same for every attempt.
CREATE TABLE webhook_messages (
  id      TEXT PRIMARY KEY,
  api_key TEXT NOT NULL REFERENCES api_keys (id) ON DELETE CASCADE,
  job     TEXT NOT NULL,
  due_at  INTEGER NOT NULL,
  tries   INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;

CREATE INDEX webhook_messages_by_key ON webhook_messages (api_key, due_at);
