import { sleep } from "../core/clock.ts";
import { OnceAgainError } from "../core/errors.ts";
import { notify } from "../core/events.ts";
import { invalidOptionError } from "../core/options.ts";
import type { Store } from "../stores/store.ts";
import { carryOut, failureOf, type Parts, timeOf } from "./carry-out.ts";
import { operationEndedError } from "./ended-error.ts";
import type { Engine } from "./engine.ts";
import { type Attempt, type WorkResult, firstAttempt, type Work } from "./execution.ts";
import { type HandlerTimeout, noHandlerTimeout } from "./handler-timeout.ts";
import { type RunningOperation, type RunningOperations, runningOperations } from "./running-operations.ts";
import { withoutWork, type RunResult, notifyEnd } from "./run-result.ts";
import { isPending, mustStop } from "./leased-decisions.ts";
import { type CheckedEngineOptions, checkedEngineOptions, type EngineOptions } from "./options.ts";
import { type OnceOperation, outcomeOfClaim } from "./outcome.ts";
import { expiryPurge } from "./expiry-purge.ts";
import { plainSteps } from "./steps.ts";
import { storeUnavailable } from "./store-calls.ts";
import { type StoreDoor, storeDoor } from "./store-door.ts";
import { transactUnkeyed } from "./stored-steps.ts";

/** How long to wait before asking the store again whether a running operation has ended, milliseconds. */
export const pollMs = 50;

/**
 * An engine whose operations own their key by a lease: the claim is kept first, then the work runs, then its result is
 * kept. The effect may be anywhere.
 *
 * @throws OnceAgainError `ONCE_OPTION_INVALID`.
 */
export function leasedEngine(store: Store, engineOptions: EngineOptions): Engine<undefined> {
  const options = checkedEngineOptions(engineOptions);
  refuseUnsafe(store, engineOptions);
  refuseForgetful(store, options);
  const door = storeDoor(store, options);
  const purgeNowAndThen = expiryPurge(door);
  const operations = runningOperations(options.clock, options.waitMs);
  const parts = { door, options, operations };
  return {
    async run(operation, work) {
      const ran = await operations.run(operation, (running) => runOperation(parts, operation, running, work));
      notifyEnd(options.onEvent, operation, ran);
      if (ran.outcome.kind === "executed") purgeNowAndThen();
      return ran.outcome;
    },
    runUnkeyed: (scope, work) =>
      operations.runUnkeyed(async () => {
        const name = { scope, key: undefined };
        const time = timeOf(options, name);
        const ended = await time.within(
          awaitUnkeyed(options, name, time, work(unkeyedAttempt(door, scope, options, time))),
        );
        return ended.result;
      }),
    async close() {
      await operations.drain();
      await door.close();
    },
  };
}

/** Waits for work that has no key, and tells of its failure, since nothing else will. */
async function awaitUnkeyed(
  { onEvent }: CheckedEngineOptions,
  name: { scope: string; key: undefined },
  time: HandlerTimeout,
  working: Promise<WorkResult>,
): Promise<WorkResult> {
  let ended: WorkResult | undefined;
  try {
    ended = await working;
    return ended;
  } finally {
    time.stop(ended === undefined || mustStop(ended.effect) ? operationEndedError() : undefined);
    if (ended?.effect === "unknown") notify(onEvent, { type: "handler-failed", ...name, error: failureOf(ended) });
  }
}

/** What work is told that has no key, and so no record. */
export function unkeyedAttempt(
  door: StoreDoor,
  scope: string,
  { steps }: CheckedEngineOptions,
  time: HandlerTimeout = noHandlerTimeout,
): Attempt<undefined> {
  const name = { scope, key: undefined };
  return firstAttempt(
    name,
    undefined,
    plainSteps(name, steps, (work) => transactUnkeyed(door, work, time)),
    time.signal,
  );
}

function refuseForgetful({ retentionMsMax = Infinity }: Store, { retentionMs }: CheckedEngineOptions): void {
  if (retentionMs <= retentionMsMax) return;
  throw invalidOptionError(
    "retentionMs",
    `at most ${retentionMsMax}, since this store keeps nothing longer`,
    retentionMs,
  );
}

function refuseUnsafe({ survivesFailover }: Store, { onUnknown, acknowledgeDuplicates }: EngineOptions): void {
  if (onUnknown !== "rerun" || survivesFailover !== "no" || acknowledgeDuplicates) return;
  throw new OnceAgainError(
    "ONCE_UNSAFE_PAIR",
    'onUnknown "rerun" on a store that can lose claims runs an operation again even while it runs. Use a store that ' +
      "survives failover, or say with acknowledgeDuplicates: true that the effect is idempotent or keyed further down.",
  );
}

async function runOperation(
  { door, options, operations }: Parts & { operations: RunningOperations },
  operation: OnceOperation,
  running: RunningOperation,
  work: Work<undefined>,
): Promise<RunResult> {
  const { clock, leaseMs, retentionMs, takeOverAfterMs } = options;
  const owner = crypto.randomUUID();
  for (;;) {
    const sentAt = clock.monotonic();
    const answer = await door.claim({ ...operation, owner, leaseMs, retentionMs, takeOverAfterMs });
    if (answer.kind === "acquired") {
      // Its lease may be over before we hear of it: then another may be at it already.
      if (clock.monotonic() - sentAt >= leaseMs) {
        door.withdraw({ scope: operation.scope, key: operation.key, owner });
        throw storeUnavailable(undefined);
      }
      operations.confirm(running);
      return carryOut({ door, options }, { operation, owner, acquired: answer, sentAt, work });
    }
    if (!isPending(answer, takeOverAfterMs)) return withoutWork(outcomeOfClaim(answer));
    // A claim of another fingerprint would have been told so.
    operations.confirm(running);
    const leftMs = running.waitEndsAt - clock.monotonic();
    if (leftMs <= 0) return withoutWork({ kind: "in-progress" });
    await sleep(clock, Math.min(pollMs, leftMs));
  }
}
