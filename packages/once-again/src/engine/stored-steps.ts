import type { Acquired, ReleaseRequest } from "../stores/store.ts";
import type { HandlerTimeout } from "./handler-timeout.ts";
import type { StepRecord } from "./steps.ts";
import type { StoreDoor } from "./store-door.ts";

/** The steps of an operation, kept as checkpoints of its record. */
export interface StoredSteps extends StepRecord {
  /** Whether this run or an earlier one kept a step, and so had an effect. */
  hasStored(): boolean;
}

/** @param time that of the handler: with it, the transaction of a step is over too. */
export function storedSteps(
  door: StoreDoor,
  owned: ReleaseRequest,
  kept: Acquired["checkpoints"],
  time: HandlerTimeout,
): StoredSteps {
  const { scope, key } = owned;
  let hasStored = Object.keys(kept).length > 0;
  return {
    scope,
    key,
    kept,
    // Not a getter: V8 makes a hidden class of each object that has one of its own, and keeps what it sees.
    hasStored: () => hasStored,
    keep: (step, result) => {
      hasStored = true;
      return door.checkpoint({ ...owned, step, result });
    },
    transact: async (step, work) => {
      hasStored = true;
      return door.transactStep({ ...owned, step }, (transaction) => time.within(work(transaction)));
    },
  };
}
