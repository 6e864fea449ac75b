import { heldCountMax } from "../health.ts";
import { listConditions } from "./list-conditions.ts";
import { storedName, storedText } from "./names.ts";
import { scopeBegins } from "./sqlite-keys.ts";
import type { ListRequest, RecordName, ReleaseRequest } from "../store.ts";
import { aheadMsMin, storedNever } from "../transition.ts";

/** The database's time, whole milliseconds since the epoch: the same wherever it stands in one statement. */
const now = "CAST(round(unixepoch('subsec') * 1000) AS INTEGER)";

const plainColumns =
  "scope, key, state, fingerprint, owner, attempt, fence, lease_until, created_at, expires_at, settled_at, settlement_note";

/** The columns that decide, of a row. */
const columns = `${plainColumns}, checkpoints, result, ${now} AS ms`;

/** The columns of a list: SQLite knows the length of a result without reading it. */
const listColumns = {
  whole: `details, ${columns}`,
  sizes: `details, ${plainColumns}, length(result) AS result_bytes, ${now} AS ms,
    iif(json_valid(checkpoints), (SELECT count(*) FROM json_each(checkpoints)), NULL) AS checkpoint_count`,
} as const;

/** When a record expires that runs; `held`: its `heldRetentionMs`, or null. */
const heldUntil = (held: string): string => `coalesce(${now} + ${held}, ${storedNever})`;

/** Mirrors `isExpired` of transition.ts. */
const expired = `(expires_at <= ${now} AND (state = 'done' OR lease_until <= ${now}))`;

/** A broken row is left as it is: see `recordProblem` of transition.ts. */
const whole = "(attempt >= 1 AND NOT (state = 'running' AND result IS NOT NULL))";

const named = "scope = ?1 AND key = ?2";
const owned = `${named} AND owner = ?3 AND NOT ${expired}`;
const abandoned = `state = 'running' AND lease_until <= ${now}`;

/** The condition of a record in each of the states that people see. */
const inState = {
  running: `state = 'running' AND lease_until > ${now}`,
  abandoned,
  done: "state = 'done'",
} as const;

/** Fails, and its batch with it, unless a condition holds: no row may be without a name. */
export const failUnless = (condition: string): string =>
  `INSERT INTO once_again_keys (scope) SELECT NULL WHERE (${condition}) IS NOT TRUE`;

/** Takes a row that is open to this claim: expired, its own, or abandoned for long enough. */
const open = `${whole} AND (${expired} OR (fingerprint = ?3 AND state = 'running'
  AND (owner = ?4 OR (lease_until <= ${now} AND ${now} - lease_until >= ?7))))`;

/** The statements of the port: `?1` and `?2` are a record's name, `?3` its owner unless it says otherwise. */
export const sqliteStatements = {
  /**
   * Makes the row, takes it over, or leaves it unwritten, and then it answers nothing. fingerprint, owner, lease, held, how long
   * a lease must be over, details.
   */
  claim: `INSERT INTO once_again_keys
      (scope, key, state, fingerprint, owner, attempt, fence, lease_until, checkpoints, created_at, expires_at, details)
    VALUES (?1, ?2, 'running', ?3, ?4, 1, ${now}, ${now} + ?5, '{}', ${now}, ${heldUntil("?6")}, ?8)
    ON CONFLICT (scope, key) DO UPDATE SET
      state = 'running', fingerprint = ?3, owner = ?4, result = NULL, lease_until = excluded.lease_until,
      attempt = CASE WHEN ${expired} THEN 1 WHEN owner = ?4 THEN attempt ELSE attempt + 1 END,
      fence = CASE WHEN ${expired} THEN ${now} WHEN owner = ?4 THEN fence ELSE max(${now}, fence + 1) END,
      checkpoints = CASE WHEN ${expired} THEN '{}' ELSE checkpoints END,
      created_at = CASE WHEN ${expired} THEN ${now} ELSE created_at END,
      expires_at = max(expires_at, excluded.expires_at), settled_at = NULL, settlement_note = NULL,
      details = excluded.details
    WHERE ${open} RETURNING ${columns}`,
  lookUp: `SELECT ${columns} FROM once_again_keys WHERE ${named}`,
  /** result, retention. Also where it is done: the owner may have missed that its first completion was acknowledged. */
  complete: `UPDATE once_again_keys SET state = 'done', checkpoints = '{}', result = coalesce(result, ?4),
      expires_at = CASE state WHEN 'done' THEN expires_at ELSE ${now} + ?5 END
    WHERE ${owned} RETURNING 1`,
  /** lease, details */
  renew: `UPDATE once_again_keys SET lease_until = ${now} + ?4, details = coalesce(?5, details)
    WHERE ${owned} AND state = 'running' RETURNING 1`,
  /** A release of the first attempt, and of a later one. */
  remove: `DELETE FROM once_again_keys WHERE ${owned} AND state = 'running' AND attempt = 1 RETURNING 1`,
  abandon: `UPDATE once_again_keys SET lease_until = min(lease_until, ${now})
    WHERE ${owned} AND state = 'running' AND attempt > 1 RETURNING 1`,
  /** checkpoint, as JSON */
  checkpoint: `UPDATE once_again_keys SET checkpoints = json_patch(checkpoints, ?4)
    WHERE ${owned} AND state = 'running' RETURNING 1`,
  /** step: fails where the key is no longer the owner's, or the step is stored already. */
  stepGuard: failUnless(`EXISTS (SELECT 1 FROM once_again_keys WHERE ${owned} AND state = 'running'
    AND NOT EXISTS (SELECT 1 FROM json_each(checkpoints) AS step WHERE step.key = ?4))`),
  /** result, retention, note */
  settle: `UPDATE once_again_keys SET state = 'done', owner = '', checkpoints = '{}', result = ?3,
      expires_at = ${now} + ?4, settled_at = ${now}, settlement_note = ?5
    WHERE ${named} AND ${abandoned} AND NOT ${expired} AND ${whole} RETURNING 1`,
  forget: `DELETE FROM once_again_keys WHERE ${named} AND ${abandoned} AND NOT ${expired} RETURNING 1`,
  forgetBroken: `DELETE FROM once_again_keys WHERE ${named} RETURNING 1`,
  inspect: `SELECT details, ${columns} FROM once_again_keys WHERE ${named} AND NOT ${expired}`,
  /** Makes room for a new row where an expired one is. */
  clear: `DELETE FROM once_again_keys WHERE ${named} AND ${expired}`,
  /** fingerprint, owner, result, retention, details: fails where the key is another's. */
  store: `INSERT INTO once_again_keys
      (scope, key, state, fingerprint, owner, attempt, fence, lease_until, checkpoints, result, created_at, expires_at, details)
    VALUES (?1, ?2, 'done', ?3, ?4, 1, ${now}, ${now}, '{}', ?5, ${now}, ${now} + ?6, ?7)`,
  countHeld: `SELECT count(*) AS keys, ${now} - min(lease_until) AS oldest_ms, (SELECT count(*) FROM (
      SELECT 1 FROM once_again_keys WHERE expires_at = ${storedNever} AND state = 'running' AND fence > ${now} + ${aheadMsMin}
      LIMIT ${heldCountMax})) AS ahead FROM (
    SELECT lease_until FROM once_again_keys WHERE expires_at = ${storedNever} AND ${abandoned} LIMIT ${heldCountMax})`,
  /** limit, scope or null */
  purge: `DELETE FROM once_again_keys WHERE rowid IN
    (SELECT rowid FROM once_again_keys WHERE ${expired} AND (?2 IS NULL OR scope = ?2) LIMIT ?1) RETURNING 1`,
};

/** The statement of a list, with its values. */
export function sqliteListStatement(request: ListRequest, limit: number) {
  const values: (string | number)[] = [limit];
  const value = (given: string | number): string => `?${values.push(given)}`;
  const { conditions, place } = listConditions(request, {
    column: (name) => name,
    text: (text) => value(storedText(text)),
    time: value,
    scopeBegins: (begin) => scopeBegins(value(storedText(begin))),
    inState,
  });
  const all = [`NOT ${expired}`, ...conditions].join(" AND ");
  const shown = listColumns[request.content ?? "whole"];
  return { text: `SELECT ${shown} FROM once_again_keys WHERE ${all} ORDER BY ${place} LIMIT ?1`, values };
}

/** A statement and its values. */
export type SqliteText = readonly [text: string, ...values: unknown[]];

/** Executes statements in one transaction, all of them or none. @returns the rows of each. */
export type ExecuteSqlite = (statements: readonly SqliteText[]) => Promise<readonly (readonly unknown[])[]>;

export function namedBy(name: RecordName): [scope: string, key: string] {
  const { scope, key } = storedName(name);
  return [scope, key];
}

export function ownedBy(owned: ReleaseRequest): [scope: string, key: string, owner: string] {
  return [...namedBy(owned), owned.owner];
}
