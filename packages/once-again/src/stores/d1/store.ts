import { hasMethod, wrongClientError } from "../../core/duck-typing.ts";
import { checkListRequest } from "../list-records.ts";
import { readHeldCount } from "../health.ts";
import { notMigratedError } from "../sql/names.ts";
import { checkpointText, claimAnswer, inspectRow, type KeyRow } from "../sql/record-format.ts";
import { checkRowSize, rowTooLargeError } from "../sql/row-size.ts";
import { keysSchema } from "../sql/sqlite-keys.ts";
import type { HeldCount, InspectedRecord, RecordName, TransactionalStore } from "../store.ts";
import type { D1Binding } from "./client.ts";
import { d1ListStatement, d1Statements, type ExecuteD1, namedBy, ownedBy } from "./statements.ts";
import { type D1Transaction, transact, transactStep, transactUnkeyed } from "./transact.ts";

/** A store in a database of D1. */
export interface D1Store extends TransactionalStore<D1Transaction> {
  /** The statements that make its table, for a migration of Wrangler's: `wrangler d1 migrations create`. */
  readonly schemaSql: string;
  /** Makes the table where it is not there yet. Run it once, before you serve. */
  migrate(): Promise<void>;
  countHeld(): Promise<HeldCount>;
}

/**
 * A store in a database of Cloudflare D1: your own, so that key and effect can commit together. Each call of the port is one trip,
 * and all times are the database's.
 *
 * In transactional mode the handler is given no open transaction, since D1 has none: what it writes is collected, and sent with key
 * and result in one batch when it has ended. Two copies of a request may both run their handler then, and one of the batches is
 * executed: a handler reads the database, and does nothing else. See `D1Transaction`.
 *
 * Expired records are removed by `purge`: call it in a `scheduled` handler, since no engine of a Worker lives long enough.
 *
 * @param database the binding itself: a session of `withSession()` may read a replica that is behind, and is refused.
 * @throws OnceAgainError `ONCE_OPTION_INVALID`, also for a binding of another kind, such as KV.
 * @example
 * ```ts
 * const handler = (env: { DB: D1Database }) =>
 *   onceFetch({ mode: "transactional", store: d1Store(env.DB), scope: "public" }, async (request, { transaction }) => {
 *     transaction.run("INSERT INTO orders (item) VALUES (?)", await request.text());
 *     return new Response("created", { status: 201 });
 *   });
 * ```
 */
export function d1Store(database: D1Binding): D1Store {
  if (hasMethod(database, "getBookmark") || !hasMethod(database, "prepare") || !hasMethod(database, "batch")) {
    throw wrongClientError("database", "the binding of a D1 database, such as env.DB", database);
  }
  const execute = executeOn(database);
  const rowsOf = rowsBy(execute);
  const changes = async (text: string, ...values: unknown[]): Promise<boolean> =>
    (await rowsOf(text, ...values)).length > 0;
  const inspect = async (name: RecordName): Promise<InspectedRecord | undefined> => {
    const [row] = (await rowsOf(d1Statements.inspect, ...namedBy(name))) as readonly KeyRow[];
    return row && inspectRow(row);
  };
  return {
    survivesFailover: "yes",
    schemaSql: keysSchema,
    async migrate() {
      const texts = keysSchema.split(";").filter((text) => text.trim() !== "");
      await execute(texts.map((text) => [text]));
    },
    async claim(request) {
      const { fingerprint, owner, leaseMs, heldRetentionMs = null, takeOverAfterMs, details = null } = request;
      const overdue = Number.isFinite(takeOverAfterMs) ? takeOverAfterMs : null;
      const values = [...namedBy(request), fingerprint, owner, leaseMs, heldRetentionMs, overdue, details];
      const [taken, found] = (await execute([
        [d1Statements.claim, ...values],
        [d1Statements.lookUp, ...namedBy(request)],
      ])) as readonly (readonly KeyRow[])[];
      return claimAnswer(taken![0] ?? found![0]!, request);
    },
    complete: async ({ result, retentionMs, ...request }) =>
      changes(d1Statements.complete, ...ownedBy(request), checkRowSize(result), retentionMs),
    renew: ({ leaseMs, details = null, ...request }) =>
      changes(d1Statements.renew, ...ownedBy(request), leaseMs, details),
    async release(request) {
      const values = ownedBy(request);
      const ended = await execute([
        [d1Statements.remove, ...values],
        [d1Statements.abandon, ...values],
      ]);
      return ended.some((rows) => rows.length > 0);
    },
    checkpoint: ({ step, result, ...request }) =>
      changes(d1Statements.checkpoint, ...ownedBy(request), checkpointText(step, result)),
    async resolve({ settlement, ...name }) {
      if (settlement.as === "done") {
        const { result, retentionMs, note = new Uint8Array() } = settlement;
        return changes(d1Statements.settle, ...namedBy(name), checkRowSize(result), retentionMs, note);
      }
      if (await changes(d1Statements.forget, ...namedBy(name))) return true;
      return (await inspect(name))?.state === "broken" && changes(d1Statements.forgetBroken, ...namedBy(name));
    },
    inspect,
    async list(request) {
      const { text, values } = d1ListStatement(request, checkListRequest(request));
      return ((await rowsOf(text, ...values)) as readonly KeyRow[]).map(inspectRow);
    },
    countHeld: async () =>
      readHeldCount((await rowsOf(d1Statements.countHeld))[0] as Parameters<typeof readHeldCount>[0]),
    purge: async ({ limit }) => (await rowsOf(d1Statements.purge, limit)).length,
    transact: (request, work, onLateUse) => transact(execute, request, work, onLateUse),
    transactStep: (request, work, onLateUse) => transactStep(execute, request, work, onLateUse),
    transactUnkeyed: (work, onLateUse) => transactUnkeyed(execute, work, onLateUse),
    close: async () => undefined,
  };
}

function executeOn(database: D1Binding): ExecuteD1 {
  return async (statements) => {
    try {
      const prepared = statements.map(([text, ...values]) => database.prepare(text).bind(...values));
      const results = await database.batch(prepared as never[]);
      return results.map(({ results: rows = [] }) => rows.map(withBytes));
    } catch (error) {
      throw String(error).includes("no such table: once_again_keys") ? notMigratedError("D1", error) : error;
    }
  };
}

/** Executes one statement of the port. */
function rowsBy(execute: ExecuteD1) {
  return async (text: string, ...values: unknown[]): Promise<readonly unknown[]> => {
    try {
      return (await execute([[text, ...values]]))[0]!;
    } catch (error) {
      throw rowTooLargeError(error) ?? error;
    }
  };
}

/** A row with its blobs as bytes: D1 gives arrays of numbers. */
function withBytes(row: unknown): unknown {
  return Object.fromEntries(
    Object.entries(row as object).map(([name, value]) => [
      name,
      Array.isArray(value) || value instanceof ArrayBuffer ? new Uint8Array(value as ArrayBuffer) : value,
    ]),
  );
}
