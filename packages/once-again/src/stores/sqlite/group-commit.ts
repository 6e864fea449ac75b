import { setImmediate } from "node:timers/promises";
import { OnceAgainError } from "../../core/errors.ts";
import { type Operation, transition } from "../transition.ts";
import { type SqliteConnection, type TakeTurn, unavailableError } from "./connection.ts";
import type { KeyTable } from "../sql/sqlite-keys.ts";

/** The outcome of one operation. */
export type Outcome = { readonly answer: unknown } | { readonly error: unknown };

/** How many operations are executed together at most: one group that is too large keeps the event loop waiting. */
const batchMax = 100;

interface QueuedOperation<Operation> {
  readonly operation: Operation;
  readonly settle: (outcome: Outcome) => void;
}

/**
 * Gathers what is asked for within one turn of the event loop, and until its turn on the connection comes: at a busy
 * server many operations then share one transaction, and its wait for the disk. Each has its own answer.
 *
 * @param queueMax how many operations may wait; one more is refused at once, with `ONCE_STORE_UNAVAILABLE`.
 * @param execute executes operations, in their order. An error that it throws is the outcome of each of them.
 * @returns `ask`; and `takeTurn` for everything else, before which no operation comes that was asked for after it.
 */
export function batchOperations<Operation>(
  takeTurn: TakeTurn,
  queueMax: number,
  execute: (operations: readonly Operation[]) => Promise<readonly Outcome[]>,
): { ask: (operation: Operation) => Promise<unknown>; takeTurn: TakeTurn } {
  let open: QueuedOperation<Operation>[] = [];
  let waiting = 0;

  const begin = async (group: QueuedOperation<Operation>[]): Promise<void> => {
    const outcomes = await takeTurn(async () => {
      await setImmediate();
      if (open === group) open = [];
      return execute(group.map(({ operation }) => operation));
    }).catch((error: unknown) => group.map(() => ({ error })));
    if (open === group) open = [];
    waiting -= group.length;
    for (const [index, { settle }] of group.entries()) settle(outcomes[index] ?? { error: new Error("no answer") });
  };

  return {
    async ask(operation) {
      if (waiting >= queueMax) throw unavailableError(`${waiting} operations wait for it already`);
      waiting += 1;
      const { promise, resolve } = Promise.withResolvers<Outcome>();
      const item = { operation, settle: resolve };
      if (open.length > 0 && open.length < batchMax) open.push(item);
      else {
        open = [item];
        void begin(open);
      }
      const outcome = await promise;
      if ("error" in outcome) throw outcome.error;
      return outcome.answer;
    },
    takeTurn(work) {
      open = [];
      return takeTurn(work);
    },
  };
}

/**
 * Executes operations, in their order. One that changes nothing, as most replays do, needs no write lock; all the rest is
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
    const outcomes: Outcome[] = [];
    for (const operation of operations) outcomes.push(...(await commit([operation])));
    return outcomes;
  };

  return async (operations) => {
    const changed = new Set<string>();
    const outcomes = operations.map((operation): Outcome | undefined => {
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
    const toWrite = operations.filter((_, index) => outcomes[index] === undefined);
    const writes = (toWrite.length === 0 ? [] : await commit(toWrite)).values();
    return outcomes.map((outcome) => outcome ?? writes.next().value ?? { error: new Error("no answer") });
  };
}
