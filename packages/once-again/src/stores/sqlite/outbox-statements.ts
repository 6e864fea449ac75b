import type { DatabaseSync, SQLInputValue, StatementSync } from "node:sqlite";
import { postponed, postponement } from "../sql/outbox.ts";

/**
 * The table of the messages that are not published yet. AUTOINCREMENT, so that no position is given again: a
 * relay that is late with its confirmation would remove another message.
 */
export const outboxSchema = `
CREATE TABLE IF NOT EXISTS once_again_outbox (
  position     INTEGER PRIMARY KEY AUTOINCREMENT,
  id           TEXT    NOT NULL,
  topic        TEXT    NOT NULL,
  ordering_key TEXT,
  passed_key   TEXT,
  headers      TEXT    NOT NULL,
  body         BLOB    NOT NULL,
  added_at     INTEGER NOT NULL,
  due_at       INTEGER NOT NULL,
  owner        TEXT,
  refusals     INTEGER NOT NULL DEFAULT 0,
  refusal      TEXT,
  parked_at    INTEGER
) STRICT;
CREATE INDEX IF NOT EXISTS once_again_outbox_keyless ON once_again_outbox (position)
  WHERE ordering_key IS NULL AND parked_at IS NULL;
CREATE INDEX IF NOT EXISTS once_again_outbox_keyed ON once_again_outbox (ordering_key, position)
  WHERE ordering_key IS NOT NULL;
CREATE INDEX IF NOT EXISTS once_again_outbox_parked ON once_again_outbox (position) WHERE parked_at IS NOT NULL;
`;

/** id, topic, key, headers, body, time */
export const addStatement = `
  INSERT INTO once_again_outbox (id, topic, ordering_key, headers, body, added_at, due_at)
  VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?6)`;

/** The statements of the port, but for `add`, with their values. Each claim is made of four. */
const outboxStatements = {
  /** time, last position, limit: the positions of messages without a key that are free, the oldest first. */
  free: `
    SELECT position FROM once_again_outbox INDEXED BY once_again_outbox_keyless
    WHERE ordering_key IS NULL AND parked_at IS NULL AND due_at <= ? AND position > ? ORDER BY position LIMIT ?`,
  /** key: the oldest message of the next one, however many messages each has. */
  nextKey: `
    SELECT ordering_key, position, parked_at, due_at FROM once_again_outbox INDEXED BY once_again_outbox_keyed
    WHERE ordering_key > ? ORDER BY ordering_key, position LIMIT 1`,
  /** owner, end, position. The lease of a key lies on its oldest message. */
  lease: "UPDATE once_again_outbox SET owner = ?, due_at = ? WHERE position = ? RETURNING *",
  /** key, position, limit: what comes after the oldest of a key. */
  after: `
    SELECT * FROM once_again_outbox INDEXED BY once_again_outbox_keyed
    WHERE ordering_key = ? AND position > ? ORDER BY position LIMIT ?`,
  /** positions as JSON */
  confirm: `
    DELETE FROM once_again_outbox WHERE position IN (SELECT CAST(value AS INTEGER) FROM json_each(?))`,
  /** time, what is given back as JSON */
  postpone: `
    UPDATE once_again_outbox AS m SET ${postponement("?1")}
    FROM (SELECT CAST(value ->> 'position' AS INTEGER) AS position, value ->> 'owner' AS owner,
      value ->> 'delay_ms' AS delay_ms, value ->> 'refusal' AS refusal, value ->> 'refusals' AS refusals,
      value ->> 'park' AS park FROM json_each(?2)) AS ended
    WHERE ${postponed("once_again_outbox", "INDEXED BY once_again_outbox_keyed")}`,
  /** position, limit */
  listParked: `
    SELECT position, id, topic, ordering_key, passed_key, headers, length(body) AS body_bytes, added_at, refusals, refusal,
      parked_at
    FROM once_again_outbox WHERE parked_at IS NOT NULL AND position > CAST(? AS INTEGER) ORDER BY position LIMIT ?`,
  /** id, limit */
  showParked: "SELECT * FROM once_again_outbox WHERE parked_at IS NOT NULL AND id = ? ORDER BY position LIMIT ?",
  /** id */
  retryParked: `
    UPDATE once_again_outbox SET parked_at = NULL, refusals = 0, due_at = 0 WHERE parked_at IS NOT NULL AND id = ?`,
  discardParked: "DELETE FROM once_again_outbox WHERE parked_at IS NOT NULL AND id = ?",
  /** time */
  backlog: `
    SELECT ? AS ms, (SELECT count(*) FROM (SELECT 1 FROM once_again_outbox LIMIT 10000)) AS messages,
      (SELECT count(*) FROM (SELECT 1 FROM once_again_outbox WHERE parked_at IS NOT NULL LIMIT 10000)) AS parked,
      (SELECT added_at FROM once_again_outbox WHERE parked_at IS NULL ORDER BY position LIMIT 1) AS oldest`,
} as const;

type StatementName = keyof typeof outboxStatements;

/** The statements, each prepared once. */
export interface OutboxQueries {
  all<Row>(name: StatementName, ...values: SQLInputValue[]): Row[];
  /** How many rows it changed. */
  run(name: StatementName, ...values: SQLInputValue[]): number;
}

export function outboxQueries(database: DatabaseSync): OutboxQueries {
  const names = Object.keys(outboxStatements) as StatementName[];
  const prepared = Object.fromEntries(names.map((name) => [name, database.prepare(outboxStatements[name])]));
  const statements = prepared as Record<StatementName, StatementSync>;
  return {
    all: <Row>(name: StatementName, ...values: SQLInputValue[]) => statements[name].all(...values) as Row[],
    run: (name, ...values) => Number(statements[name].run(...values).changes),
  };
}
