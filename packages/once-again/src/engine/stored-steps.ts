import type { Acquired, ReleaseRequest } from "../stores/store.ts";
import type { HandlerTimeout } from "./handler-timeout.ts";
import { recordedSteps, type StepOptions, type Steps } from "./steps.ts";
import type { StoreDoor } from "./store-door.ts";

/** The steps of an operation, kept as checkpoints of its record. */
export interface StoredSteps {
  /** For work that has steps. */
  open: () => Steps;
  /** Whether this run or an earlier one kept a step, and so had an effect. */
  hasStored: () => boolean;
}

/** @param timeout that of the handler: with it, the transaction of a step is over too. */
export function storedSteps(
  door: StoreDoor,
  owned: ReleaseRequest,
  kept: Acquired["checkpoints"],
  options: StepOptions,
  timeout: HandlerTimeout,
): StoredSteps {
  const { scope, key } = owned;
  let hasStored = Object.keys(kept).length > 0;
  const open = (): Steps =>
    recordedSteps(
      {
        scope,
        key,
        kept,
        keep: (step, result) => {
          hasStored = true;
          return door.checkpoint({ ...owned, step, result });
        },
        transact: async (step, work) => {
          hasStored = true;
          return door.transactStep({ ...owned, step }, (transaction) => timeout.within(work(transaction)));
        },
      },
      options,
    );
  // Not a getter: V8 makes a hidden class of each object that has one of its own, and keeps what it sees.
  return { open, hasStored: () => hasStored };
}
