import type { DatabaseSync } from "node:sqlite";
import { keysSchema } from "../sql/sqlite-keys.ts";
import { storedNever } from "../transition.ts";

/** The tables of this store. Marks are small, so theirs is an index. */
export const schema = `${keysSchema}CREATE TABLE IF NOT EXISTS once_again_marks (
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
