import { decodeBase64, encodeBase64 } from "../../core/bytes.ts";
import { aheadMsMin, inspectRecord, storedExpiry, storedNever } from "../transition.ts";
import { heldCountMax, readHeldCount } from "../health.ts";
import type { HeldCount, InspectedRecord, KeyRecord, ListRequest, PurgeRequest, RecordName } from "../store.ts";
import { listConditions } from "./list-conditions.ts";
import { inspectSizes, type KeyRow, rowRecord, type SizesRow } from "./record-format.ts";

/** The table of keys. `WITHOUT ROWID` would put every result into the index of keys: no. */
export const keysSchema = `
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
`;

/** A value of SQLite, as every driver takes it. */
export type SqliteValue = string | number | Uint8Array | null;

/**
 * Prepares a statement on the one connection of a driver that answers at once; `?` stands for a value. Its rows have numbers,
 * texts, null, and `Uint8Array`s for blobs.
 */
export type PrepareStatement = (text: string) => { all(...values: SqliteValue[]): readonly unknown[] };

/** The statements on the key table, prepared once for a connection. */
export interface KeyTable {
  read(name: RecordName): KeyRecord | undefined;
  write(name: RecordName, record: KeyRecord): void;
  remove(name: RecordName): void;
  /** Records that are not expired. */
  list(request: ListRequest, now: number): InspectedRecord[];
  /** Removes expired records. */
  purge(request: PurgeRequest, now: number): number;
  /** Counts what is held for ever. */
  countHeld(now: number): HeldCount;
}

type Row = Omit<KeyRow, "ms">;

/** Mirrors `isExpired` of transition.ts. */
const expired = "expires_at <= :now AND (state = 'done' OR lease_until <= :now)";

export function keyTable(prepare: PrepareStatement): KeyTable {
  const read = prepare("SELECT * FROM once_again_keys WHERE scope = ? AND key = ?");
  const remove = prepare("DELETE FROM once_again_keys WHERE scope = ? AND key = ?");
  const write = prepare(`
    INSERT OR REPLACE INTO once_again_keys
      (scope, key, state, fingerprint, owner, attempt, fence, lease_until, checkpoints, result, created_at, expires_at,
        settled_at, settlement_note, details)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`);
  const purge = namedStatement(
    prepare,
    `DELETE FROM once_again_keys WHERE rowid IN
      (SELECT rowid FROM once_again_keys WHERE ${expired} AND (:scope IS NULL OR scope = :scope) LIMIT :limit) RETURNING 1`,
  );
  const countHeld = namedStatement(
    prepare,
    `SELECT count(*) AS keys, :now - min(lease_until) AS oldest_ms, (SELECT count(*) FROM (
      SELECT 1 FROM once_again_keys
      WHERE expires_at = ${storedNever} AND state = 'running' AND fence > :now + ${aheadMsMin} LIMIT ${heldCountMax})) AS ahead FROM (
      SELECT lease_until FROM once_again_keys
      WHERE expires_at = ${storedNever} AND state = 'running' AND lease_until <= :now LIMIT ${heldCountMax})`,
  );

  return {
    read: ({ scope, key }) => {
      const [row] = read.all(scope, key) as readonly Row[];
      return row && recordOf(row);
    },
    write: ({ scope, key }, record) => void write.all(scope, key, ...valuesOf(record)),
    remove: ({ scope, key }) => void remove.all(scope, key),
    list: (request, now) => {
      const { text, values } = listStatement(request);
      const rows = namedStatement(prepare, text)({ ...values, now, limit: request.limit ?? 100 });
      return request.content === "sizes"
        ? (rows as readonly SizesRow[]).map((row) =>
            inspectSizes({ scope: row.scope, key: row.key }, { ...row, ms: now }),
          )
        : (rows as readonly Row[]).map((row) => inspectRecord(row, recordOf(row), now));
    },
    purge: ({ limit, scope = null }, now) => purge({ now, limit, scope }).length,
    countHeld: (now) => readHeldCount(countHeld({ now })[0] as Parameters<typeof readHeldCount>[0]),
  };
}

/** A statement with values by name, `:now`, for drivers that know them by their places alone. */
function namedStatement(
  prepare: PrepareStatement,
  text: string,
): (values: Readonly<Record<string, SqliteValue>>) => readonly unknown[] {
  const names: string[] = [];
  const byPlace = text.replaceAll(/:(\w+)/g, (_, name: string) => {
    names.push(name);
    return "?";
  });
  const statement = prepare(byPlace);
  return (values) => statement.all(...names.map((name) => values[name] ?? null));
}

/**
 * People list records now and then, so each list has its own statement, with no more conditions than it needs. One of records
 * that run, in every scope, reads the table from its beginning to its end: the index of names would lead to a page for each row.
 */
function listStatement(request: ListRequest): { text: string; values: Record<string, string | number> } {
  const values: Record<string, string | number> = {};
  const value = (given: string | number): string => {
    const name = `value${Object.keys(values).length}`;
    values[name] = given;
    return `:${name}`;
  };
  const { conditions, place } = listConditions(request, {
    column: (name) => name,
    text: value,
    time: value,
    scopeBegins: (begin) => scopeBegins(value(begin)),
    inState,
  });
  const { scope, order, state } = request;
  const readsAll = scope === undefined && (order === "age" || state === "running" || state === "abandoned");
  const from = readsAll ? "once_again_keys NOT INDEXED" : "once_again_keys";
  const all = [`NOT (${expired})`, ...conditions].join(" AND ");
  const columns = request.content === "sizes" ? sizesColumns : "*";
  return { text: `SELECT ${columns} FROM ${from} WHERE ${all} ORDER BY ${place} LIMIT :limit`, values };
}

/** The columns of a list of sizes: SQLite knows the length of a result without reading it. */
const sizesColumns =
  "scope, key, state, fingerprint, owner, attempt, fence, lease_until, created_at, expires_at, settled_at, settlement_note, details, " +
  "length(result) AS result_bytes, iif(json_valid(checkpoints), json_array_length(checkpoints), NULL) AS checkpoint_count";

/** The condition of a scope that begins as the expression `prefix` says, by the index of names. */
export function scopeBegins(prefix: string): string {
  return `scope >= ${prefix} AND substr(scope, 1, length(${prefix})) = ${prefix}`;
}

/** The condition of a record in each of the states that people see. */
const inState = {
  running: "state = 'running' AND lease_until > :now",
  abandoned: "state = 'running' AND lease_until <= :now",
  done: "state = 'done'",
} as const;

/** The values of a row, behind its name. */
function valuesOf(record: KeyRecord): SqliteValue[] {
  const { state, fingerprint, owner, attempt, fence, leaseUntil, checkpoints, result, createdAt } = record;
  const steps = Object.entries(checkpoints).map(([step, bytes]) => [step, encodeBase64(bytes)]);
  return [
    state,
    fingerprint,
    owner,
    attempt,
    fence,
    leaseUntil,
    JSON.stringify(steps),
    result ?? null,
    createdAt,
    storedExpiry(record.expiresAt),
    record.settledAt ?? null,
    record.settlementNote ?? null,
    record.details ?? null,
  ];
}

function recordOf(row: Row): KeyRecord {
  return rowRecord(row, checkpointsOf(row.checkpoints));
}

/** `undefined` for what is no such JSON. */
function checkpointsOf(text: string): KeyRecord["checkpoints"] | undefined {
  try {
    const steps = JSON.parse(text) as [string, string][];
    return Object.fromEntries(steps.map(([step, base64]) => [step, decodeBase64(base64)]));
  } catch {
    return undefined;
  }
}
