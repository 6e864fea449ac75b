import type { DatabaseSync } from "node:sqlite";
import { storedNever } from "../transition.ts";

/** The tables of this store. `WITHOUT ROWID` would put every result into the index of keys: no. Marks are small. */
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
  settled_at  INTEGER,
  settlement_note BLOB,
  details     BLOB,
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

/**
 * Brings the tables of an earlier version to this one, in one transaction. Programs of earlier versions may go on with them:
 * each names the columns that it writes.
 */
export function upgradeSchema(database: DatabaseSync): void {
  if (isOfThisVersion(database)) return;
  database.exec("BEGIN IMMEDIATE");
  try {
    // Another process may have done it meanwhile.
    const columns = columnsOf(database);
    // Who settled a record is stored with it, and a record that runs no longer expires, as those that run already.
    if (!columns.has("settled_at")) {
      database.exec(`
        ALTER TABLE once_again_keys ADD COLUMN settled_at INTEGER;
        ALTER TABLE once_again_keys ADD COLUMN settlement_note BLOB;
        UPDATE once_again_keys SET expires_at = ${storedNever} WHERE state = 'running'`);
    }
    if (!columns.has("details")) database.exec("ALTER TABLE once_again_keys ADD COLUMN details BLOB");
    database.exec("COMMIT");
  } finally {
    if (database.isTransaction) database.exec("ROLLBACK");
  }
}

function isOfThisVersion(database: DatabaseSync): boolean {
  return columnsOf(database).has("details");
}

function columnsOf(database: DatabaseSync): ReadonlySet<unknown> {
  return new Set(
    database
      .prepare("PRAGMA table_info(once_again_keys)")
      .all()
      .map(({ name }) => name),
  );
}
