import { OnceAgainError } from "../core/errors.ts";
import type { Acquired, OnLateUse, ReleaseRequest, Store, TransactionalStore } from "../stores/store.ts";
import type { HandlerTime } from "./handler-time.ts";
import type { StepRecord } from "./steps.ts";
import type { CallStore } from "./store-calls.ts";

/** The steps of an operation, kept as checkpoints of its record. */
export interface KeptSteps extends StepRecord {
  /** Whether this run or an earlier one kept a step, and so had an effect. */
  hasKept(): boolean;
}

/** @param time that of the handler: with it, the transaction of a step is over too. */
export function keptSteps(
  store: Store,
  callStore: CallStore,
  owned: ReleaseRequest,
  kept: Acquired["checkpoints"],
  time: HandlerTime,
  onLateUse: OnLateUse,
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
      return callStore("checkpoint", owned, () => store.checkpoint({ ...owned, step, result }));
    },
    transact: async (step, work) => {
      hasKept = true;
      return transactional(store).transactStep(
        { ...owned, step },
        (transaction) => time.within(work(transaction)),
        onLateUse,
      );
    },
  };
}

/** Runs a transaction step of work that has no record. */
export async function transactUnkeyed(
  store: Store,
  work: (transaction: unknown) => Promise<Uint8Array>,
  time: HandlerTime,
  onLateUse: OnLateUse,
): Promise<Uint8Array> {
  return transactional(store).transactUnkeyed(async (transaction) => {
    const result = await time.within(work(transaction));
    return { keep: "commit", result, value: result };
  }, onLateUse);
}

function transactional(store: Store): TransactionalStore<unknown> {
  if ("transactStep" in store) return store as TransactionalStore<unknown>;
  throw new OnceAgainError(
    "ONCE_UNSAFE_PAIR",
    "A transaction step needs a store in the database that it writes to. Use such a store, or another kind of step.",
  );
}
