CREATE TABLE IF NOT EXISTS once_again_keys (
  scope       TEXT    NOT NULL,
  key         TEXT    NOT NULL,
  state       TEXT    NOT NULL CHECK (state IN ('running', 'done')),
  fingerprint TEXT    NOT NULL,
  owner       TEXT    NOT NULL,
  attempt     INTEGER NOT NULL,
  fence       INTEGER NOT NULL,
  lease_until INTEGER NOT NULL,
  checkpoints TEXT    NOT NULL,
  result      BLOB,
  created_at  INTEGER NOT NULL,
  expires_at  INTEGER NOT NULL,
  settled_at  INTEGER,
  settlement_note BLOB,
  details     BLOB,
  PRIMARY KEY (scope, key)
) STRICT;
CREATE INDEX IF NOT EXISTS once_again_keys_expiry ON once_again_keys (expires_at);
