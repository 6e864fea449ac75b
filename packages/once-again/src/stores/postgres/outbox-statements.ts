import { tableName } from "../sql/names.ts";
import {
  countMax,
  discardedColumns,
  discardedValues,
  isLine,
  looksPerKey,
  placesStatement,
  postponed,
  postponement,
} from "../sql/outbox.ts";
import { clock, commitLazily, lazyClock } from "./statements.ts";

/** The table of the messages that are not published yet. Run again, it changes nothing. */
export function outboxSchema(prefix: string): string {
  const outbox = tableName(prefix, "outbox");
  // A claim changes no indexed column, so that PostgreSQL replaces the row in its page without touching any index (HOT).
  // The order of "C" is that of the bytes. Statistics of a table without keys would have the planner take the search for a key
  // for a scan of all rows, and compile it (JIT) for each claim. Without statistics, it expects that one row in 200 is NULL in a
  // column, and would sort a whole backlog for each claim; of a comparison with "<" it expects one row in 3.
  return `
CREATE TABLE IF NOT EXISTS ${outbox} (
  position     bigint  GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  id           text    NOT NULL,
  topic        text    NOT NULL,
  ordering_key text    COLLATE "C",
  passed_key   text,
  headers      text    NOT NULL,
  body         bytea   NOT NULL,
  added_at     bigint  NOT NULL,
  due_at       bigint  NOT NULL,
  owner        text,
  refusals     integer NOT NULL DEFAULT 0,
  refusal      text,
  place        text,
  tried_at     bigint,
  parked_at    bigint
) WITH (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_insert_scale_factor = 0.02);
ALTER TABLE ${outbox} ALTER COLUMN ordering_key SET STATISTICS 0;
CREATE INDEX IF NOT EXISTS ${outbox}_free ON ${outbox} (position) WHERE num_nonnulls(ordering_key, parked_at) < 1;
DROP INDEX IF EXISTS ${outbox}_keyless;
CREATE INDEX IF NOT EXISTS ${outbox}_keyed ON ${outbox} (ordering_key, position) WHERE ordering_key IS NOT NULL;
CREATE INDEX IF NOT EXISTS ${outbox}_parked ON ${outbox} (position) WHERE parked_at IS NOT NULL;
DO $$ BEGIN
  IF NOT EXISTS (SELECT FROM pg_attribute WHERE attrelid = '${outbox}'::regclass AND attname = 'tried_at') THEN
    ALTER TABLE ${outbox} ADD COLUMN place text, ADD COLUMN tried_at bigint;
  END IF;
END $$;
CREATE INDEX IF NOT EXISTS ${outbox}_waiting ON ${outbox} (position) WHERE ${isWaiting("")};
CREATE TABLE IF NOT EXISTS ${outbox}_discarded (
  position     bigint  PRIMARY KEY,
  id           text    NOT NULL,
  topic        text    NOT NULL,
  ordering_key text,
  place        text,
  added_at     bigint  NOT NULL,
  refusals     integer NOT NULL,
  refusal      text,
  parked_at    bigint  NOT NULL,
  discarded_at bigint  NOT NULL,
  note         bytea   NOT NULL,
  expires_at   bigint  NOT NULL
);
`;
}

/** Whether a row was tried and waits for its next attempt. An expression: without statistics, PostgreSQL expects that few columns are NULL. */
function isWaiting(row: string): string {
  return `num_nonnulls(${row}tried_at) > num_nonnulls(${row}parked_at)`;
}

/** The conditions of unconfirmed rows `m`, each of which an index finds. */
const states = { parked: "m.parked_at IS NOT NULL", waiting: isWaiting("m.") };

const byState = (statement: (condition: string) => string) => ({
  parked: statement(states.parked),
  waiting: statement(states.waiting),
});

/** The columns that are read of a row `m`. */
const envelope =
  "m.position::text AS position, m.id, m.topic, m.ordering_key, m.passed_key, m.headers, m.added_at, m.refusals, " +
  "m.refusal, m.place, m.due_at, m.tried_at, m.parked_at";

/** The same with its body. */
const columns = `${envelope}, m.body`;

/** The texts in an array of JSON. A parameter that is JSON itself would be serialised once more by the `sql` of `postgres`. */
const listed = (parameter: string): string => `json_array_elements_text(${parameter}::text::json) AS listed (value)`;

/**
 * The statements of the port, but for `add`. Those of relays don't wait for the disk: when the server crashes, claims, removals
 * and delays of its last moments may be forgotten, and those messages are published again, as after the crash of a relay.
 */
export function outboxStatements(prefix: string) {
  const outbox = tableName(prefix, "outbox");
  const free = "f.parked_at IS NULL AND f.due_at <= clock.ms";
  return {
    claimKeyless: `
      WITH ${lazyClock}
      UPDATE ${outbox} AS m SET owner = $1, due_at = clock.ms + $2::bigint FROM clock
      WHERE m.position = ANY (ARRAY(
        SELECT f.position FROM ${outbox} AS f, clock
        WHERE num_nonnulls(f.ordering_key, f.parked_at) < 1 AND f.due_at <= clock.ms AND f.position > $4::bigint
        ORDER BY f.position LIMIT $3::bigint FOR UPDATE OF f SKIP LOCKED))
      RETURNING ${columns}`,
    // From key to key by the index, however many messages each has. The lease of a key lies on its oldest message. In the line of a
    // place, each message that is taken has its own. A lock is given on a row as it is now, and all else sees the row as it was: one
    // that has come into another line since is left to the next claim.
    claimKeys: `
      WITH RECURSIVE ${lazyClock},
      looked (ordering_key, looks) AS (
        SELECT (SELECT min(o.ordering_key) FROM ${outbox} AS o WHERE o.ordering_key > $4), 1
        UNION ALL
        SELECT (SELECT min(o.ordering_key) FROM ${outbox} AS o WHERE o.ordering_key > looked.ordering_key), looks + 1
        FROM looked WHERE looked.ordering_key IS NOT NULL AND looks < ${looksPerKey} * $3::bigint),
      oldest AS MATERIALIZED (
        SELECT first.position, ordering_key, looks FROM looked, LATERAL (
          SELECT o.position FROM ${outbox} AS o WHERE o.ordering_key = looked.ordering_key
          ORDER BY o.position LIMIT 1) AS first),
      claimed AS (
        UPDATE ${outbox} AS m SET owner = $1, due_at = clock.ms + $2::bigint FROM clock
        WHERE m.position = ANY (ARRAY(
          SELECT f.position FROM oldest JOIN ${outbox} AS f USING (position, ordering_key), clock WHERE ${free}
          ORDER BY looks LIMIT $3::bigint FOR UPDATE OF f SKIP LOCKED))
        RETURNING m.ordering_key, m.position),
      in_line AS (
        UPDATE ${outbox} AS m SET owner = $1, due_at = clock.ms + $2::bigint FROM clock
        WHERE m.position = ANY (ARRAY(
          SELECT f.position FROM claimed, LATERAL (
            SELECT b.position, b.ordering_key FROM ${outbox} AS b
            WHERE b.ordering_key = claimed.ordering_key AND b.position > claimed.position
            ORDER BY b.position LIMIT $5::bigint - 1) AS behind JOIN ${outbox} AS f USING (position, ordering_key), clock
          WHERE ${isLine("claimed")} AND ${free} FOR UPDATE OF f SKIP LOCKED))
        RETURNING m.position)
      SELECT passed.last_key, ${columns}
      FROM (SELECT CASE WHEN (SELECT count(*) FROM claimed) = $3::bigint THEN (SELECT max(ordering_key) FROM claimed)
          WHEN bool_or(ordering_key IS NULL) THEN '' ELSE max(ordering_key) END AS last_key
        FROM looked) AS passed
      LEFT JOIN (claimed CROSS JOIN LATERAL (
        SELECT * FROM ${outbox} AS r WHERE r.ordering_key = claimed.ordering_key AND r.position >= claimed.position
          AND (NOT ${isLine("r")} OR r.position = claimed.position OR r.position IN (SELECT position FROM in_line))
        ORDER BY r.position LIMIT $5::bigint) AS m) ON true
      ORDER BY m.position`,
    confirm: `DELETE FROM ${outbox} USING (SELECT ${commitLazily}) AS setting
      WHERE position = ANY (ARRAY(SELECT value::bigint FROM ${listed("$1")}))`,
    postpone: `
      WITH ${lazyClock}
      UPDATE ${outbox} AS m SET ${postponement("clock.ms")}
      FROM clock, json_to_recordset($1::text::json)
        AS ended (position bigint, owner text, delay_ms bigint, place text, line text, refusal text, refusals integer, park text)
      WHERE ${postponed(outbox)}`,
    ...operatorStatements(outbox),
  };
}

/** The statements by which people look at an outbox, and decide. */
function operatorStatements(outbox: string) {
  return {
    list: byState(
      (state) => `SELECT ${envelope}, octet_length(m.body) AS body_bytes FROM ${outbox} AS m
        WHERE ${state} AND m.position > $1::bigint ORDER BY m.position LIMIT $2::bigint`,
    ),
    show: byState(
      (state) => `SELECT ${columns} FROM ${outbox} AS m
        WHERE ${state} AND m.id = $1 ORDER BY m.position LIMIT $2::bigint`,
    ),
    listPlaces: placesStatement(outbox, `${outbox} AS m WHERE ${states.waiting}`, {
      concatenate: (one, other) => `${one} || ${other}`,
    }),
    retryParked: `UPDATE ${outbox} AS m SET tried_at = coalesce(tried_at, parked_at), parked_at = NULL, refusals = 0, due_at = 0
      WHERE m.parked_at IS NOT NULL AND m.id = $1 RETURNING true`,
    // Those that are stored long enough are removed by who discards another.
    discardParked: `
      WITH ${clock}, over AS (DELETE FROM ${outbox}_discarded USING clock WHERE expires_at <= clock.ms),
        gone AS (DELETE FROM ${outbox} AS m WHERE m.parked_at IS NOT NULL AND m.id = $1 RETURNING m.*)
      INSERT INTO ${outbox}_discarded (${discardedColumns}, discarded_at, note, expires_at)
        SELECT ${discardedValues}, clock.ms, $2::bytea, clock.ms + $3::bigint FROM gone AS m, clock RETURNING true`,
    listDiscarded: `
      WITH ${clock}
      SELECT position::text AS position, ${discardedColumns.replace("position, ", "")}, discarded_at, note
      FROM ${outbox}_discarded, clock WHERE expires_at > clock.ms AND ($1::text IS NULL OR id = $1::text)
      ORDER BY discarded_at DESC, position DESC LIMIT $2::bigint`,
    backlog: `
      WITH ${clock}
      SELECT clock.ms, (SELECT count(*) FROM (SELECT FROM ${outbox} LIMIT ${countMax}) AS counted) AS messages,
        (SELECT count(*) FROM (SELECT FROM ${outbox} AS m WHERE ${states.parked} LIMIT ${countMax}) AS counted) AS parked,
        waiting.unconfirmed, waiting.places,
        (SELECT o.added_at FROM ${outbox} AS o WHERE o.parked_at IS NULL ORDER BY o.position LIMIT 1) AS oldest
      FROM clock, (SELECT count(*) AS unconfirmed, count(DISTINCT coalesce(tried.place, '')) AS places
        FROM (SELECT m.place FROM ${outbox} AS m WHERE ${states.waiting} LIMIT ${countMax}) AS tried) AS waiting`,
  };
}
