import { setImmediate } from "node:timers/promises";
import { type TakeTurn, unavailable } from "./connection-queue.ts";

/** What became of one operation. */
export type Settled = { readonly answer: unknown } | { readonly error: unknown };

/** How many operations are carried out together at most: one group that is too large keeps the event loop waiting. */
const groupMax = 100;

interface Asked<Operation> {
  readonly operation: Operation;
  readonly settle: (settled: Settled) => void;
}

/**
 * Gathers what is asked for within one turn of the event loop, and until its turn on the connection comes: at a busy
 * server many operations then share one transaction, and its wait for the disk. Each has an answer of its own.
 *
 * @param queueMax how many operations may wait; one more is refused at once, with `ONCE_STORE_UNAVAILABLE`.
 * @param carryOut carries operations out, in their order. What it throws became of each of them.
 * @returns `ask`; and `takeTurn` for everything else, before which no operation comes that was asked for after it.
 */
export function grouped<Operation>(
  takeTurn: TakeTurn,
  queueMax: number,
  carryOut: (operations: readonly Operation[]) => Promise<readonly Settled[]>,
): { ask: (operation: Operation) => Promise<unknown>; takeTurn: TakeTurn } {
  let open: Asked<Operation>[] = [];
  let waiting = 0;

  const begin = async (group: Asked<Operation>[]): Promise<void> => {
    const settled = await takeTurn(async () => {
      await setImmediate();
      if (open === group) open = [];
      return carryOut(group.map(({ operation }) => operation));
    }).catch((error: unknown) => group.map(() => ({ error })));
    if (open === group) open = [];
    waiting -= group.length;
    for (const [index, { settle }] of group.entries()) settle(settled[index] ?? { error: new Error("no answer") });
  };

  return {
    async ask(operation) {
      if (waiting >= queueMax) throw unavailable(`${waiting} operations wait for it already`);
      waiting += 1;
      const { promise, resolve } = Promise.withResolvers<Settled>();
      const asked = { operation, settle: resolve };
      if (open.length > 0 && open.length < groupMax) open.push(asked);
      else {
        open = [asked];
        void begin(open);
      }
      const settled = await promise;
      if ("error" in settled) throw settled.error;
      return settled.answer;
    },
    takeTurn(work) {
      open = [];
      return takeTurn(work);
    },
  };
}
