import { checkListRequest } from "../list-records.ts";
import { readHeldCount } from "../health.ts";
import type { AsyncStore, HeldCount, InspectedRecord, RecordName } from "../store.ts";
import { storedText } from "./names.ts";
import { checkpointText, claimAnswer, inspectListed, inspectRow, type KeyRow, type SizesRow } from "./record-format.ts";
import { type ExecuteSqlite, namedBy, ownedBy, sqliteListStatement, sqliteStatements } from "./sqlite-statements.ts";

/**
 * The port's operations on keys, for a client that executes statements of SQLite in batches. All times are the database's.
 *
 * @param checkSize returns a result that a row can hold, and throws otherwise.
 */
export function keyOperations(
  execute: ExecuteSqlite,
  checkSize: (result: Uint8Array) => Uint8Array,
): Omit<AsyncStore, "survivesFailover" | "close"> & { countHeld(): Promise<HeldCount> } {
  const rowsOf = async (text: string, ...values: unknown[]): Promise<readonly unknown[]> =>
    (await execute([[text, ...values]]))[0]!;
  const changes = async (text: string, ...values: unknown[]): Promise<boolean> =>
    (await rowsOf(text, ...values)).length > 0;
  const inspect = async (name: RecordName): Promise<InspectedRecord | undefined> => {
    const [row] = (await rowsOf(sqliteStatements.inspect, ...namedBy(name))) as readonly KeyRow[];
    return row && inspectRow(row);
  };
  return {
    async claim(request) {
      const { fingerprint, owner, leaseMs, heldRetentionMs = null, takeOverAfterMs, details = null } = request;
      const overdue = Number.isFinite(takeOverAfterMs) ? takeOverAfterMs : null;
      const values = [...namedBy(request), fingerprint, owner, leaseMs, heldRetentionMs, overdue, details];
      const [taken, found] = (await execute([
        [sqliteStatements.claim, ...values],
        [sqliteStatements.lookUp, ...namedBy(request)],
      ])) as readonly (readonly KeyRow[])[];
      return claimAnswer(taken![0] ?? found![0]!, request);
    },
    complete: async ({ result, retentionMs, ...request }) =>
      changes(sqliteStatements.complete, ...ownedBy(request), checkSize(result), retentionMs),
    renew: ({ leaseMs, details = null, ...request }) =>
      changes(sqliteStatements.renew, ...ownedBy(request), leaseMs, details),
    async release(request) {
      const values = ownedBy(request);
      const ended = await execute([
        [sqliteStatements.remove, ...values],
        [sqliteStatements.abandon, ...values],
      ]);
      return ended.some((rows) => rows.length > 0);
    },
    checkpoint: ({ step, result, ...request }) =>
      changes(sqliteStatements.checkpoint, ...ownedBy(request), checkpointText(step, result)),
    async resolve({ settlement, ...name }) {
      if (settlement.as === "done") {
        const { result, retentionMs, note = new Uint8Array() } = settlement;
        return changes(sqliteStatements.settle, ...namedBy(name), checkSize(result), retentionMs, note);
      }
      if (await changes(sqliteStatements.forget, ...namedBy(name))) return true;
      return (await inspect(name))?.state === "broken" && changes(sqliteStatements.forgetBroken, ...namedBy(name));
    },
    inspect,
    async list(request) {
      const { text, values } = sqliteListStatement(request, checkListRequest(request));
      return ((await rowsOf(text, ...values)) as readonly (KeyRow & SizesRow)[]).map(inspectListed(request));
    },
    countHeld: async () =>
      readHeldCount((await rowsOf(sqliteStatements.countHeld))[0] as Parameters<typeof readHeldCount>[0]),
    purge: async ({ limit, scope }) =>
      (await rowsOf(sqliteStatements.purge, limit, scope === undefined ? null : storedText(scope))).length,
  };
}

/** A value of a row, as bytes where it is a blob: some clients give an ArrayBuffer, or an array of numbers. */
export function bytesOf(value: unknown): unknown {
  return Array.isArray(value) || value instanceof ArrayBuffer ? new Uint8Array(value as ArrayBuffer) : value;
}
