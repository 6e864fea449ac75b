import { type Awaitable, isPromise } from "../core/awaitable.ts";
import type { OnceAgainError } from "../core/errors.ts";
import { notify } from "../core/events.ts";
import type { LazyAbort } from "../core/lazy-abort.ts";
import { Lease, type LeaseHolder } from "../core/lease.ts";
import type { Acquired, ReleaseRequest } from "../stores/store.ts";
import type { OnceOperation, Outcome, Work, WorkResult } from "./engine.ts";
import { operationEndedError, storeUnavailableError } from "./errors.ts";
import { HandlerTimeout, type TimeoutHolder } from "./handler-timeout.ts";
import {
  type AttemptPolicy,
  isHalfWay,
  mustStop,
  outcomeOfLoser,
  outcomeOfOwner,
  type Settlement,
  settlementOf,
  settlementOfUnknown,
} from "./leased-decisions.ts";
import type { CheckedEngineOptions } from "./options.ts";
import { type RunResult, withoutWork, workError } from "./run-result.ts";
import type { RunningOperation, RunningOperations } from "./running-operations.ts";
import type { Steps } from "./steps.ts";
import type { StoreDoor } from "./store-door.ts";
import { StoredSteps } from "./stored-steps.ts";
import { type AttemptSource, WorkAttempt } from "./work-attempt.ts";

/** What a leased engine is made of. */
export interface LeasedParts {
  readonly options: CheckedEngineOptions;
  readonly door: StoreDoor;
  readonly operations: RunningOperations;
  readonly purgeNowAndThen: () => void;
  readonly makeOwner: () => string;
}

/** One request for an operation that has its place among those that run. */
export interface LeasedRun<Value> {
  readonly operation: OnceOperation<Value>;
  readonly work: Work<undefined, Value>;
  readonly running: RunningOperation;
}

/** A claim that was granted. `sentAt`: when it was sent, on the monotonic clock. */
export interface GrantedClaim {
  readonly request: ReleaseRequest;
  readonly acquired: Acquired;
  readonly sentAt: number;
}

/**
 * One attempt at an operation, from the claim that was granted to its end. It is one object: what its parts would make
 * anew for each other costs more than the operation (docs/decisions/2026-11-27-one-object-for-an-attempt.md).
 */
export class LeasedAttempt<Value> implements AttemptSource, LeaseHolder, TimeoutHolder {
  readonly #parts: LeasedParts;
  readonly #run: LeasedRun<Value>;
  readonly #owned: ReleaseRequest;
  readonly #acquired: Acquired;
  readonly #timeout: HandlerTimeout;
  readonly #lease: Lease;
  #steps: StoredSteps | undefined;

  /** @throws OnceAgainError `ONCE_STORE_UNAVAILABLE` when the answer took as long as the lease. */
  constructor(parts: LeasedParts, run: LeasedRun<Value>, { request, acquired, sentAt }: GrantedClaim) {
    const { options, door, operations } = parts;
    const { scope, key, owner } = request;
    this.#parts = parts;
    this.#run = run;
    this.#owned = { scope, key, owner };
    this.#acquired = acquired;
    // Its lease may be over before we hear of it: then another may be at it already.
    if (options.clock.monotonic() - sentAt >= options.leaseMs) {
      door.withdraw(this.#owned);
      throw storeUnavailableError(undefined);
    }
    operations.confirm(run.running);
    this.#timeout = new HandlerTimeout(options, this);
    this.#lease = new Lease(options.deadlines.lease, options.leaseMs, sentAt, this);
  }

  /**
   * Runs the work under its lease, which is renewed for as long as the work may go on, and settles its key. Work whose
   * time is over is waited for no longer, and its lease is no longer renewed; when it ends at last, it settles its key all
   * the same, if the key is still its own.
   */
  result(): Promise<RunResult<Value>> {
    return this.#timeout.within(this.#runAndSettle());
  }

  async #runAndSettle(): Promise<RunResult<Value>> {
    let ended: WorkResult<Value>;
    let bytes: Uint8Array;
    try {
      ended = await this.#run.work(new WorkAttempt(this.#owned, this.#acquired, undefined, this));
      bytes = this.#run.operation.codec.encode(ended.result);
    } catch (error) {
      await this.#endFailed(error);
      throw error;
    }
    this.#lease.stop();
    this.#timeout.stop(mustStop(ended.effect) ? operationEndedError() : undefined);

    // What the work did is kept before anybody hears of it.
    const policy = this.#policy();
    const settlement = settlementOf(ended.effect, policy);
    const settling = this.#settle(settlement, bytes);
    const isSettled = isPromise(settling) ? await settling : settling;
    return isSettled ? ownersResult(ended, bytes, settlement, policy) : this.#losersResult(ended, bytes);
  }

  /** The work threw, or its result can't be kept: its outcome is unknown. */
  async #endFailed(error: unknown): Promise<void> {
    this.#timeout.stop(operationEndedError());
    this.#lease.stop();
    // A handler whose time was over has been told of.
    if (!this.#timeout.isOver) this.#tellFailed(error);
    try {
      await this.#settle(settlementOfUnknown(this.#parts.options));
    } catch {
      // If this can't be said either, the lease runs out, which says the same.
    }
  }

  #policy(): AttemptPolicy {
    const { abandoned, checkpoints } = this.#acquired;
    const { takeOverAfterMs, finishes } = this.#parts.options;
    const hasStored = Object.keys(checkpoints).length > 0 || this.#steps?.hasStored === true;
    return { hadEffects: abandoned || hasStored, takeOverAfterMs, finishes };
  }

  /** Ends the attempt. `false`: the key is no longer this owner's, and nothing was kept. */
  #settle(settlement: Settlement, result: Uint8Array = new Uint8Array()): Awaitable<boolean> {
    const { options, door } = this.#parts;
    switch (settlement) {
      case "abandon":
        return door.abandon(this.#owned);
      case "release":
        return door.release(this.#owned);
      case "expire":
        return true;
      case "complete":
        return door.complete({ ...this.#owned, result, retentionMs: options.retentionMs });
    }
  }

  async #losersResult(ended: WorkResult<Value>, bytes: Uint8Array): Promise<RunResult<Value>> {
    const found = await this.#parts.door.inspect(this.#owned);
    const outcome = outcomeOfLoser(found, this.#run.operation, { ...ended, result: bytes });
    // Our own release was carried out, and its answer lost.
    if (outcome.kind === "executed") return { outcome, isStored: false, event: "released", value: ended.result };
    return withoutWork(outcome);
  }

  // What its work, its lease and its time-out ask of it.

  get abort(): LazyAbort {
    return this.#timeout.abort;
  }

  openSteps(): Steps {
    const { options, door } = this.#parts;
    this.#steps = new StoredSteps(door, this.#owned, this.#acquired.checkpoints, options.steps, this.#timeout);
    return this.#steps.steps;
  }

  async renewLease(): Promise<boolean> {
    const { options, door } = this.#parts;
    return door.renew({ ...this.#owned, leaseMs: options.leaseMs });
  }

  leaseLost(error: OnceAgainError): void {
    const { scope, key } = this.#owned;
    notify(this.#parts.options.onEvent, { type: "lease-lost", scope, key });
    this.abort.abort(error);
  }

  timeIsOver(error: OnceAgainError): void {
    this.#lease.stop();
    this.#tellFailed(error);
  }

  #tellFailed(error: unknown): void {
    const { scope, key } = this.#owned;
    notify(this.#parts.options.onEvent, { type: "handler-failed", scope, key, error });
  }
}

/** What an attempt came to that settled its key. */
function ownersResult<Value>(
  ended: WorkResult<Value>,
  bytes: Uint8Array,
  settlement: Settlement,
  policy: AttemptPolicy,
): RunResult<Value> {
  const outcome = outcomeOfOwner({ effect: ended.effect, result: bytes }, policy);
  const event = eventOf(ended.effect, outcome, policy);
  const error = event === "handler-failed" ? workError(ended) : undefined;
  return { outcome, isStored: settlement === "complete", event, value: ended.result, error };
}

/** How the request ended whose work was carried out here. */
function eventOf(effect: WorkResult["effect"], outcome: Outcome, policy: AttemptPolicy): RunResult["event"] {
  if (effect === "unknown" || isHalfWay(effect, policy)) return "handler-failed";
  if (outcome.kind === "outcome-unknown" || effect !== "none") return outcome.kind;
  return policy.hadEffects ? "abandoned" : "released";
}
