import type { DatabaseSync, StatementSync } from "node:sqlite";
import { readExpiry, storedExpiry, storedNever, unreadableRecord } from "../transition.ts";
import { heldCountMax, readHeldCount } from "../health.ts";
import type { HeldCount, KeyRecord, ListRequest, RecordName } from "../store.ts";

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

export function keyTable(database: DatabaseSync): KeyTable {
  const read = database.prepare("SELECT * FROM once_again_keys WHERE scope = ? AND key = ?");
  const remove = database.prepare("DELETE FROM once_again_keys WHERE scope = ? AND key = ?");
  const write = database.prepare(`
    INSERT OR REPLACE INTO once_again_keys
      (scope, key, state, fingerprint, owner, attempt, fence, lease_until, checkpoints, result, created_at, expires_at,
        settled_at, settlement_note, details)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`);
  const purge = database.prepare(`
    DELETE FROM once_again_keys WHERE rowid IN
      (SELECT rowid FROM once_again_keys WHERE ${expired} LIMIT :limit)`);
  const countHeld = database.prepare(`
    SELECT count(*) AS keys, :now - min(lease_until) AS oldest_ms FROM (
      SELECT lease_until FROM once_again_keys
      WHERE expires_at = ${storedNever} AND state = 'running' AND lease_until <= :now LIMIT ${heldCountMax})`);

  return {
    read: ({ scope, key }) => {
      const row = read.get(scope, key) as Row | undefined;
      return row === undefined ? undefined : recordOf(row);
    },
    write: ({ scope, key }, record) => writeRow(write, scope, key, record),
    remove: ({ scope, key }) => void remove.run(scope, key),
    list: (request, now) => {
      const { text, values } = listStatement(request);
      const rows = database.prepare(text).all({ ...values, now, limit: request.limit ?? 100 }) as unknown as Row[];
      return rows.map((row) => ({ scope: row.scope, key: row.key, record: recordOf(row) }));
    },
    purge: (limit, now) => Number(purge.run({ now, limit }).changes),
    countHeld: (now) => readHeldCount(countHeld.get({ now }) as unknown as Parameters<typeof readHeldCount>[0]),
  };
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

function writeRow(statement: StatementSync, scope: string, key: string, record: KeyRecord): void {
  const { state, fingerprint, owner, attempt, fence, leaseUntil, checkpoints, result, createdAt } = record;
  const steps = Object.entries(checkpoints).map(([step, bytes]) => [step, Buffer.from(bytes).toString("base64")]);
  statement.run(
    scope,
    key,
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
  );
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
    return Object.fromEntries(steps.map(([step, base64]) => [step, Uint8Array.from(Buffer.from(base64, "base64"))]));
  } catch {
    return undefined;
  }
}
