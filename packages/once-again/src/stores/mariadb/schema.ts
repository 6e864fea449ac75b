import { storedNever } from "../transition.ts";
import { tableName } from "../sql/names.ts";

/** The version of the schema that `mariadbSchema` leads to. */
export const schemaVersion = 4;

/**
 * The statements that make the tables, or bring them to this version; run again, they change nothing. Any number of
 * processes may run them at a time. MariaDB commits each by itself.
 *
 * Names are bytes: every collation of text that all versions have takes "k" and "k " for the same.
 */
export function mariadbSchema(prefix: string): readonly string[] {
  const keys = tableName(prefix, "keys");
  const marks = tableName(prefix, "marks");
  const schema = tableName(prefix, "schema");
  return [
    `CREATE TABLE IF NOT EXISTS ${keys} (
  scope       varbinary(1024) NOT NULL,
  \`key\`       varbinary(1024) NOT NULL,
  state       enum('running', 'done') NOT NULL,
  fingerprint varbinary(4096) NOT NULL,
  owner       varbinary(255)  NOT NULL,
  attempt     int             NOT NULL,
  fence       bigint          NOT NULL,
  lease_until bigint          NOT NULL,
  checkpoints longtext        NOT NULL,
  result      longblob,
  created_at  bigint          NOT NULL,
  expires_at  bigint          NOT NULL,
  PRIMARY KEY (scope, \`key\`),
  KEY ${keys}_expiry (expires_at)
) ENGINE = InnoDB ROW_FORMAT = DYNAMIC DEFAULT CHARACTER SET utf8mb4`,
    `CREATE TABLE IF NOT EXISTS ${marks} (
  scope     varbinary(1024) NOT NULL,
  \`key\`     varbinary(1024) NOT NULL,
  position  bigint          NOT NULL,
  stored_at bigint,
  mover     varbinary(255)  NOT NULL,
  PRIMARY KEY (scope, \`key\`)
) ENGINE = InnoDB ROW_FORMAT = DYNAMIC`,
    `CREATE TABLE IF NOT EXISTS ${schema} (id int PRIMARY KEY, version int NOT NULL) ENGINE = InnoDB`,
    // Who settled a record is stored with it.
    `ALTER TABLE ${keys} ADD COLUMN IF NOT EXISTS settled_at bigint, ADD COLUMN IF NOT EXISTS settlement_note blob`,
    // Facts about the operation, for people.
    `ALTER TABLE ${keys} ADD COLUMN IF NOT EXISTS details blob`,
    // A record that runs no longer expires: neither do those that ran before version 3.
    `UPDATE ${keys} SET expires_at = ${storedNever}
  WHERE state = 'running' AND (SELECT max(version) FROM ${schema}) < 3`,
    `INSERT INTO ${schema} VALUES (1, ${schemaVersion})
  ON DUPLICATE KEY UPDATE version = GREATEST(version, ${schemaVersion})`,
  ];
}
