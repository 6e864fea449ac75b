import type { Acquired, ReleaseRequest } from "../stores/store.ts";
import type { HandlerTime } from "./handler-timeout.ts";
import type { StepRecord } from "./steps.ts";
import type { StoreDoor } from "./store-door.ts";

/** The steps of an operation, kept as checkpoints of its record. */
export interface KeptSteps extends StepRecord {
  /** Whether this run or an earlier one kept a step, and so had an effect. */
  hasKept(): boolean;
}

/** @param time that of the handler: with it, the transaction of a step is over too. */
export function keptSteps(
  door: StoreDoor,
  owned: ReleaseRequest,
  kept: Acquired["checkpoints"],
  time: HandlerTime,
): KeptSteps {
  const { scope, key } = owned;
  let hasKept = Object.keys(kept).length > 0;
  return {
    scope,
    key,
    kept,
    // Not a getter: V8 makes a hidden class of each object that has one of its own, and keeps what it sees.
    hasKept: () => hasKept,
    keep: (step, result) => {
      hasKept = true;
      return door.checkpoint({ ...owned, step, result });
    },
    transact: async (step, work) => {
      hasKept = true;
      return door.transactStep({ ...owned, step }, (transaction) => time.within(work(transaction)));
    },
  };
}

/** Runs a transaction step of work that has no record. */
export async function transactUnkeyed(
  door: StoreDoor,
  work: (transaction: unknown) => Promise<Uint8Array>,
  time: HandlerTime,
): Promise<Uint8Array> {
  return door.transactUnkeyed(async (transaction) => {
    const result = await time.within(work(transaction));
    return { keep: "commit", result, value: result };
  });
}
