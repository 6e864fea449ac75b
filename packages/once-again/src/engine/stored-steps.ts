import type { Acquired, ReleaseRequest } from "../stores/store.ts";
import type { HandlerTimeout } from "./handler-timeout.ts";
import type { Steps } from "./engine.ts";
import type { StepOptions } from "./options.ts";
import { recordedSteps, type StepRecord } from "./steps.ts";
import type { StoreDoor } from "./store-door.ts";

/** The steps of an operation, stored as checkpoints of its record. */
export class StoredSteps {
  readonly steps: Steps;
  /** Whether this run stored a step, and so had an effect. */
  hasStored = false;

  /** @param timeout that of the handler: with it, the transaction of a step is over too. */
  constructor(
    door: StoreDoor,
    owned: ReleaseRequest,
    kept: Acquired["checkpoints"],
    options: StepOptions,
    timeout: HandlerTimeout,
  ) {
    const { scope, key } = owned;
    const record: StepRecord = {
      scope,
      key,
      kept,
      keep: (step, result) => {
        this.hasStored = true;
        return door.checkpoint({ ...owned, step, result });
      },
      transact: async (step, work) => {
        this.hasStored = true;
        return door.transactStep({ ...owned, step }, (transaction) => timeout.within(work(transaction)));
      },
    };
    this.steps = recordedSteps(record, options);
  }
}
