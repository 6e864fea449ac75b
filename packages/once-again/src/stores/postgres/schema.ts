import { storedNever } from "../transition.ts";
import { tableName } from "../sql/names.ts";

/** Any number that no other program's advisory lock has: "once" in ASCII. */
export const migrationLock = 0x6f6e6365;

/**
 * Each version of the schema, as the statements that lead to it from the one before. They are run again for what is
 * there already when another table was dropped.
 */
const versions: readonly ((keys: string, marks: string) => string)[] = [
  // An index on the minute of expiry, not on its millisecond: completing an operation within a minute of its claim then
  // changes no indexed column, and PostgreSQL replaces the row in its page without touching any index (HOT). Room is
  // left in each page for that. "C" orders names by their bytes.
  (keys) => `
    CREATE TABLE IF NOT EXISTS ${keys} (
      scope          text COLLATE "C" NOT NULL,
      key            text COLLATE "C" NOT NULL,
      state          text    NOT NULL CHECK (state IN ('running', 'done')),
      fingerprint    text    NOT NULL,
      owner          text    NOT NULL,
      attempt        integer NOT NULL,
      fence          bigint  NOT NULL,
      lease_until    bigint  NOT NULL,
      checkpoints    jsonb   NOT NULL,
      result         bytea,
      created_at     bigint  NOT NULL,
      expires_at     bigint  NOT NULL,
      expires_minute bigint  NOT NULL GENERATED ALWAYS AS (expires_at / 60000) STORED,
      PRIMARY KEY (scope, key)
    ) WITH (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.02);
    CREATE INDEX IF NOT EXISTS ${keys}_expiry ON ${keys} (expires_minute);`,
  // A mark is written with every message, so there is room for its next version in its page, and none in an index.
  (_keys, marks) => `
    CREATE TABLE IF NOT EXISTS ${marks} (
      scope     text COLLATE "C" NOT NULL,
      key       text COLLATE "C" NOT NULL,
      position  bigint NOT NULL,
      stored_at bigint,
      mover     text   NOT NULL,
      PRIMARY KEY (scope, key)
    ) WITH (fillfactor = 50);`,
  // A record that runs no longer expires: neither do those that ran before. Who settled a record is stored with it.
  (keys) => `
    ALTER TABLE ${keys} ADD COLUMN IF NOT EXISTS settled_at bigint, ADD COLUMN IF NOT EXISTS settlement_note bytea;
    UPDATE ${keys} SET expires_at = ${storedNever} WHERE state = 'running';`,
  // Facts about the operation, for people.
  (keys) => `
    ALTER TABLE ${keys} ADD COLUMN IF NOT EXISTS details bytea;`,
];

/**
 * The SQL that makes the tables, or brings them to this version. Run again, it makes a table anew that was dropped, and
 * changes nothing else. Any number of processes may run it at a time, each in one transaction
 * (`psql --single-transaction`).
 */
export function postgresSchema(prefix: string): string {
  const keys = tableName(prefix, "keys");
  const marks = tableName(prefix, "marks");
  const schema = tableName(prefix, "schema");
  const steps = versions.map(
    (statements, index) => `
DO $$ BEGIN
  IF (SELECT version FROM ${schema}) < ${index + 1} THEN${statements(keys, marks)}
    UPDATE ${schema} SET version = ${index + 1};
  END IF;
END $$;`,
  );
  return `SELECT pg_advisory_xact_lock(${migrationLock});
CREATE TABLE IF NOT EXISTS ${schema} (version integer NOT NULL);
INSERT INTO ${schema} SELECT 0 WHERE NOT EXISTS (SELECT FROM ${schema});
DO $$ BEGIN
  IF to_regclass('${keys}') IS NULL OR to_regclass('${marks}') IS NULL THEN
    UPDATE ${schema} SET version = 0;
  END IF;
END $$;${steps.join("")}
`;
}

/** The version that `postgresSchema` leads to. */
export const schemaVersion = versions.length;
