import { claimedOf, type IntentRow, intentOf, outcomeColumns } from "./intent-rows.ts";
import { type IntentDialect, type IntentStatements, intentStatements } from "./intent-statements.ts";
import type { AddIntentAnswer, AddIntentRequest, IntentStore } from "../intent-store.ts";
import { checkListLimit } from "../list-limit.ts";

/** Runs one statement, alone and atomically, and answers with its rows; a `write` is on disk when it resolves. */
export interface SqlConnection {
  read(statement: string, values: readonly SqlValue[]): Promise<readonly unknown[]>;
  write(statement: string, values: readonly SqlValue[]): Promise<readonly unknown[]>;
  close(): Promise<void>;
}

/** What a statement's parameter can be. */
export type SqlValue = string | number | Uint8Array | null;

/** The port of durable intents on any database that has the statements of `intent-statements.ts`. */
export function sqlIntents(connection: SqlConnection, dialect: IntentDialect): IntentStore {
  const statements = intentStatements(dialect);
  const read = async (statement: string, ...values: SqlValue[]): Promise<IntentRow[]> =>
    (await connection.read(statement, values)) as IntentRow[];
  const write = async (statement: string, ...values: SqlValue[]): Promise<IntentRow[]> =>
    (await connection.write(statement, values)) as IntentRow[];
  const changes = async (statement: string, ...values: SqlValue[]): Promise<boolean> =>
    (await write(statement, ...values)).length > 0;

  return {
    add: (request) => addIntent(connection, statements, request),
    async claim({ owner, leaseMs, limit, exceptOrigins = [] }) {
      const except = JSON.stringify(exceptOrigins);
      const rows = await write(statements.claim, owner, leaseMs, limit, except);
      const intents = rows.map(claimedOf);
      if (rows.length === limit) return { intents, nextMs: 0 };
      const [next] = (await connection.read(statements.next, [except])) as { next_ms: unknown }[];
      const nextMs = next?.next_ms ?? undefined;
      return { intents, nextMs: nextMs === undefined ? undefined : Math.max(0, Number(nextMs)) };
    },
    renew: ({ id, owner, leaseMs }) => changes(statements.renew, id, owner, leaseMs),
    postpone: ({ id, owner, delayMs, inDoubt }) => changes(statements.postpone, id, owner, delayMs, Number(inDoubt)),
    end: ({ id, owner, outcome, retentionMs }) =>
      changes(statements.end, id, owner, ...outcomeColumns(outcome), retentionMs),
    settle: ({ id, outcome, retentionMs }) => changes(statements.settle, id, ...outcomeColumns(outcome), retentionMs),
    reopen: (id) => changes(statements.reopen, id),
    async inspect(id) {
      const [found] = await read(statements.inspect, id);
      return found === undefined ? undefined : intentOf(found);
    },
    async list(request) {
      const limit = checkListLimit(request);
      return (await read(statements.list, request.state ?? null, request.after ?? null, limit)).map(intentOf);
    },
    forget: (id) => changes(statements.forget, id),
    purge: async ({ limit }) => (await write(statements.purge, limit)).length,
    close: () => connection.close(),
  };
}

/** Adds an intent, unless there is one of its id. Within a transaction, both statements run in it. */
export async function addIntent(
  { read, write }: Pick<SqlConnection, "read" | "write">,
  statements: Pick<IntentStatements, "add" | "inspect">,
  { id, key, fingerprint, request, giveUpAfterMs, openMax }: AddIntentRequest,
): Promise<AddIntentAnswer> {
  const { method, url, headers, body = null } = request;
  const { origin } = new URL(url);
  const facts = [id, key, fingerprint, method, url, origin, JSON.stringify(headers), body];
  const [added] = await write(statements.add, [...facts, giveUpAfterMs, openMax]);
  if (added !== undefined) return { kind: "added", intent: intentOf(added as IntentRow) };
  const [found] = await read(statements.inspect, [id]);
  return found === undefined ? { kind: "full" } : { kind: "found", intent: intentOf(found as IntentRow) };
}
