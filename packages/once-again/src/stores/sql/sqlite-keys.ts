import { decodeBase64, encodeBase64 } from "../../core/bytes.ts";
import { readExpiry, storedExpiry, storedNever, unreadableRecord } from "../transition.ts";
import { heldCountMax, readHeldCount } from "../health.ts";
import type { HeldCount, KeyRecord, ListRequest, RecordName } from "../store.ts";

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
  list(request: ListRequest, now: number): (RecordName & { record: KeyRecord })[];
  /** Removes up to `limit` expired records. */
  purge(limit: number, now: number): number;
  /** Counts what is held for ever. */
  countHeld(now: number): HeldCount;
}

interface Row extends RecordName {
  state: KeyRecord["state"];
  fingerprint: string;
  owner: string;
  attempt: number;
  fence: number;
  lease_until: number;
  checkpoints: string;
  result: Uint8Array | null;
  created_at: number;
  expires_at: number;
  /** Both are null unless a person settled the record. */
  settled_at: number | null;
  settlement_note: Uint8Array | null;
  details: Uint8Array | null;
}

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
      (SELECT rowid FROM once_again_keys WHERE ${expired} LIMIT :limit) RETURNING 1`,
  );
  const countHeld = namedStatement(
    prepare,
    `SELECT count(*) AS keys, :now - min(lease_until) AS oldest_ms FROM (
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
      const rows = namedStatement(prepare, text)({ ...values, now, limit: request.limit ?? 100 }) as readonly Row[];
      return rows.map((row) => ({ scope: row.scope, key: row.key, record: recordOf(row) }));
    },
    purge: (limit, now) => purge({ now, limit }).length,
    countHeld: (now) => readHeldCount(countHeld({ now })[0] as Parameters<typeof readHeldCount>[0]),
  };
}

/** A statement with values by name, `:now`, for drivers that know them by their places alone. */
function namedStatement(
  prepare: PrepareStatement,
  text: string,
): (values: Readonly<Record<string, SqliteValue>>) => readonly unknown[] {
  const names: string[] = [];
  const byPlace = text.replaceAll(/:([a-zA-Z]+)/g, (_, name: string) => {
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
function listStatement({ scope, scopePrefix, key, state, order, after }: ListRequest): {
  text: string;
  values: Record<string, string | number>;
} {
  const values: Record<string, string | number> = {};
  const value = (name: string, given: string | number): string => {
    values[name] = given;
    return `:${name}`;
  };
  const place = order === "age" ? "lease_until, scope, key" : "scope, key";
  const conditions = [
    `NOT (${expired})`,
    ...(scope === undefined ? [] : [`scope = ${value("scope", scope)}`]),
    ...(scopePrefix === undefined
      ? []
      : [`scope >= ${value("prefix", scopePrefix)} AND substr(scope, 1, length(:prefix)) = :prefix`]),
    ...(key === undefined ? [] : [`key = ${value("key", key)}`]),
    ...(state === undefined ? [] : [inState[state]]),
    ...(after === undefined
      ? []
      : order === "age"
        ? [
            `(${place}) > (${value("afterLease", after.leaseUntil ?? 0)}, ${value("afterScope", after.scope)}, ${value("afterKey", after.key)})`,
          ]
        : [`(${place}) > (${value("afterScope", after.scope)}, ${value("afterKey", after.key)})`]),
  ];
  const readsAll = scope === undefined && (order === "age" || state === "running" || state === "abandoned");
  const from = readsAll ? "once_again_keys NOT INDEXED" : "once_again_keys";
  return { text: `SELECT * FROM ${from} WHERE ${conditions.join(" AND ")} ORDER BY ${place} LIMIT :limit`, values };
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
  const checkpoints = checkpointsOf(row.checkpoints);
  if (checkpoints === undefined) return unreadableRecord;
  return {
    state: row.state,
    fingerprint: row.fingerprint,
    owner: row.owner,
    attempt: row.attempt,
    fence: row.fence,
    leaseUntil: row.lease_until,
    checkpoints,
    result: row.result ?? undefined,
    createdAt: row.created_at,
    expiresAt: readExpiry(row.expires_at),
    settledAt: row.settled_at ?? undefined,
    settlementNote: row.settlement_note ?? undefined,
    details: row.details ?? undefined,
  };
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
