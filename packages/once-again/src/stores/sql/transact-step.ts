import { type KeyRow, readRow } from "./record-format.ts";
import type { StepRequest } from "../store.ts";
import type { TransactionEnd, Work } from "./run-transaction.ts";

/** The end of a step that need not run: it ran before, or its operation is no longer this owner's; else `undefined`. */
export function stepEnd(
  row: KeyRow | undefined,
  { owner, step }: StepRequest,
): TransactionEnd<Uint8Array | undefined> | undefined {
  const record = row && readRow(row);
  if (record?.owner !== owner) return { answer: undefined, rollBack: "unawaited" };
  const checkpoint = record.checkpoints[step];
  if (checkpoint !== undefined) return { answer: checkpoint, rollBack: "unawaited" };
  return record.state === "done" ? { answer: undefined, rollBack: "unawaited" } : undefined;
}

/** A step as work: it has no other end than its commit. */
export function stepWork<Connection>(
  work: (connection: Connection) => Promise<Uint8Array>,
): Work<Connection, undefined> {
  return async (connection) => ({ keep: "commit", result: await work(connection), value: undefined });
}
