/**
 * The tables of this store, in their first version. `WITHOUT ROWID` would put every result into the index of keys: no. Marks
 * are small.
 */
export const schema = `
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
  PRIMARY KEY (scope, key)
) STRICT;
CREATE INDEX IF NOT EXISTS once_again_keys_expiry ON once_again_keys (expires_at);
CREATE TABLE IF NOT EXISTS once_again_marks (
  scope     TEXT    NOT NULL,
  key       TEXT    NOT NULL,
  position  INTEGER NOT NULL,
  stored_at INTEGER,
  mover     TEXT    NOT NULL,
  PRIMARY KEY (scope, key)
) STRICT, WITHOUT ROWID;
`;
