import type { DatabaseSync, SQLInputValue, StatementSync } from "node:sqlite";
import {
  countMax,
  discardedColumns,
  discardedValues,
  placesStatement,
  postponed,
  postponement,
} from "../sql/outbox.ts";

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
  place        TEXT,
  tried_at     INTEGER,
  parked_at    INTEGER
) STRICT;
CREATE INDEX IF NOT EXISTS once_again_outbox_keyless ON once_again_outbox (position)
  WHERE ordering_key IS NULL AND parked_at IS NULL;
CREATE INDEX IF NOT EXISTS once_again_outbox_keyed ON once_again_outbox (ordering_key, position)
  WHERE ordering_key IS NOT NULL;
CREATE INDEX IF NOT EXISTS once_again_outbox_parked ON once_again_outbox (position) WHERE parked_at IS NOT NULL;
CREATE TABLE IF NOT EXISTS once_again_outbox_discarded (
  position     INTEGER PRIMARY KEY,
  id           TEXT    NOT NULL,
  topic        TEXT    NOT NULL,
  ordering_key TEXT,
  place        TEXT,
  added_at     INTEGER NOT NULL,
  refusals     INTEGER NOT NULL,
  refusal      TEXT,
  parked_at    INTEGER NOT NULL,
  discarded_at INTEGER NOT NULL,
  note         BLOB    NOT NULL,
  expires_at   INTEGER NOT NULL
) STRICT;
`;

/** The index of what was tried and waits, which needs the columns of this version. */
export const waitingIndex = `CREATE INDEX IF NOT EXISTS once_again_outbox_waiting ON once_again_outbox (position)
  WHERE tried_at IS NOT NULL AND parked_at IS NULL;
`;

/**
 * Brings the table of an earlier version to this one, in one transaction. Programs of earlier versions may go on with it: each names
 * the columns that it writes.
 */
export function upgradeOutbox(database: DatabaseSync): void {
  const columns = () => database.prepare("PRAGMA table_info(once_again_outbox)").all();
  const isOfThisVersion = (): boolean => columns().some(({ name }) => name === "tried_at");
  if (!isOfThisVersion()) {
    database.exec("BEGIN IMMEDIATE");
    try {
      // Another process may have done it meanwhile.
      if (!isOfThisVersion()) {
        database.exec(`
          ALTER TABLE once_again_outbox ADD COLUMN place TEXT;
          ALTER TABLE once_again_outbox ADD COLUMN tried_at INTEGER`);
      }
      database.exec("COMMIT");
    } finally {
      if (database.isTransaction) database.exec("ROLLBACK");
    }
  }
  database.exec(waitingIndex);
}

/** id, topic, key, headers, body, time */
export const addStatement = `
  INSERT INTO once_again_outbox (id, topic, ordering_key, headers, body, added_at, due_at)
  VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?6)`;

/** The conditions of unconfirmed rows `m`, each of which an index finds. */
const states = { parked: "m.parked_at IS NOT NULL", waiting: "m.tried_at IS NOT NULL AND m.parked_at IS NULL" };

const list = (state: string): string => `
    SELECT position, id, topic, ordering_key, passed_key, headers, length(body) AS body_bytes, added_at, refusals, refusal,
      place, due_at, tried_at, parked_at
    FROM once_again_outbox AS m WHERE ${state} AND position > CAST(? AS INTEGER) ORDER BY position LIMIT ?`;

const show = (state: string): string =>
  `SELECT * FROM once_again_outbox AS m WHERE ${state} AND id = ? ORDER BY position LIMIT ?`;

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
      value ->> 'delay_ms' AS delay_ms, value ->> 'place' AS place, value ->> 'line' AS line, value ->> 'refusal' AS refusal, value ->> 'refusals' AS refusals,
      value ->> 'park' AS park FROM json_each(?2)) AS ended
    WHERE ${postponed("once_again_outbox", "INDEXED BY once_again_outbox_keyed")}`,
  /** position, limit */
  listParked: list(states.parked),
  listWaiting: list(states.waiting),
  /** id, limit */
  showParked: show(states.parked),
  showWaiting: show(states.waiting),
  listPlaces: placesStatement("once_again_outbox", `once_again_outbox AS m WHERE ${states.waiting}`, {
    concatenate: (one, other) => `${one} || ${other}`,
  }),
  /** id */
  retryParked: `
    UPDATE once_again_outbox SET tried_at = coalesce(tried_at, parked_at), parked_at = NULL, refusals = 0, due_at = 0
    WHERE parked_at IS NOT NULL AND id = ?`,
  discardParked: "DELETE FROM once_again_outbox WHERE parked_at IS NOT NULL AND id = ?",
  /** time: those that are stored long enough are removed by who discards another. */
  removeDiscarded: "DELETE FROM once_again_outbox_discarded WHERE expires_at <= ?",
  /** time, note, end, id */
  storeDiscarded: `
    INSERT INTO once_again_outbox_discarded (${discardedColumns}, discarded_at, note, expires_at)
    SELECT ${discardedValues}, ?, ?, ? FROM once_again_outbox AS m WHERE m.parked_at IS NOT NULL AND m.id = ?`,
  /** time, id or null, limit */
  listDiscarded: `
    SELECT * FROM once_again_outbox_discarded WHERE expires_at > ?1 AND (?2 IS NULL OR id = ?2)
    ORDER BY discarded_at DESC, position DESC LIMIT ?3`,
  /** time */
  backlog: `
    SELECT ? AS ms, (SELECT count(*) FROM (SELECT 1 FROM once_again_outbox LIMIT ${countMax})) AS messages,
      (SELECT count(*) FROM (SELECT 1 FROM once_again_outbox AS m WHERE ${states.parked} LIMIT ${countMax})) AS parked,
      waiting.unconfirmed, waiting.places,
      (SELECT added_at FROM once_again_outbox WHERE parked_at IS NULL ORDER BY position LIMIT 1) AS oldest
    FROM (SELECT count(*) AS unconfirmed, count(DISTINCT coalesce(place, '')) AS places
      FROM (SELECT place FROM once_again_outbox AS m WHERE ${states.waiting} LIMIT ${countMax})) AS waiting`,
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
