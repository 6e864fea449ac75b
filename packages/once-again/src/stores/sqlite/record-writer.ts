import { OnceAgainError } from "../../core/errors.ts";
import { type Operation, transition } from "../transition.ts";
import type { SqliteConnection } from "./connection.ts";
import type { Outcome } from "./batch.ts";
import type { KeyTable } from "./key-table.ts";

/**
 * Carries operations out, in their order. What changes nothing, as most replays do, needs no write lock; all the rest is
 * committed together. An operation that fails fails alone.
 */
export function recordWriter(
  connection: Pick<SqliteConnection<KeyTable>, "database" | "prepared" | "committed" | "clock">,
): (operations: readonly Operation[]) => Promise<readonly Outcome[]> {
  const { database, prepared: table, committed, clock } = connection;

  const step = (operation: Operation) => {
    const stored = table.read(operation);
    return { stored, ...transition(stored, operation, clock.now()) };
  };
  const write = (operation: Operation): Outcome => {
    try {
      const { stored, record, answer } = step(operation);
      if (record === undefined) table.remove(operation);
      else if (record !== stored) table.write(operation, record);
      return { answer };
    } catch (error) {
      // A statement that fails changes nothing; but some failures, such as a full disk, end the transaction too.
      if (!database.isTransaction) throw error;
      return { error };
    }
  };
  const commit = async (operations: readonly Operation[]): Promise<readonly Outcome[]> => {
    try {
      return await committed(() => operations.map(write));
    } catch (error) {
      if (operations.length <= 1 || OnceAgainError.isInstance(error)) return operations.map(() => ({ error }));
    }
    // One of them, or all together, ended the transaction: now each for itself.
    const settled: Outcome[] = [];
    for (const operation of operations) settled.push(...(await commit([operation])));
    return settled;
  };

  return async (operations) => {
    const changed = new Set<string>();
    const seen = operations.map((operation): Outcome | undefined => {
      const name = JSON.stringify([operation.scope, operation.key]);
      if (changed.has(name)) return undefined;
      try {
        const { stored, record, answer } = step(operation);
        if (record === stored) return { answer };
      } catch (error) {
        return { error };
      }
      changed.add(name);
      return undefined;
    });
    const toWrite = operations.filter((_, index) => seen[index] === undefined);
    const written = (toWrite.length === 0 ? [] : await commit(toWrite)).values();
    return seen.map((settled) => settled ?? written.next().value ?? { error: new Error("no answer") });
  };
}
