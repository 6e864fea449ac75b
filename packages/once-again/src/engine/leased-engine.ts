import { type Awaitable, isPromise } from "../core/awaitable.ts";
import { sleep } from "../core/clock.ts";
import type { OnceAgainError } from "../core/errors.ts";
import { notify } from "../core/events.ts";
import { LazyAbort } from "../core/lazy-abort.ts";
import { Lease, type LeaseHolder } from "../core/lease.ts";
import type { Acquired, ClaimAnswer, ClaimRequest, ReleaseRequest, Store } from "../stores/store.ts";
import { type RunningOperation, runningOperations, type RunningOperations } from "./duplicates.ts";
import {
  type Engine,
  type OnceOperation,
  type OpenAttempt,
  type OpeningEngine,
  operationEndedError,
  type Outcome,
  type Steps,
  storeUnavailableError,
  type Work,
  type WorkResult,
} from "./engine.ts";
import { type ExecutionSource, hadNoEffect, onlyAttempt, publicEngine, WorkExecution } from "./execution.ts";
import { expiryPurge, type BoundedStore, openBoundedStore } from "./bounded-store.ts";
import { HandlerTimeout, type TimeoutHolder } from "./handler-timeout.ts";
import {
  type AttemptPolicy,
  isHalfWay,
  isPending,
  mustStop,
  outcomeOfLoser,
  outcomeOfOwner,
  type Settlement,
  settlementOf,
  settlementOfUnknown,
} from "./leased-decisions.ts";
import { openByRunning } from "./open-by-running.ts";
import {
  type CheckedEngineOptions,
  checkEngineOptions,
  checkLeasedStore,
  type EngineOptions,
  pollMs,
} from "./options.ts";
import { endRequest, endWithoutWork, outcomeFor, outcomeOfClaim, type RequestEnd, workError } from "./request-end.ts";
import { plainSteps, StoredSteps } from "./steps.ts";

/**
 * An engine in which operations own their key by a lease: the claim is stored first, then the work runs, then its result
 * is stored. The effect may be anywhere.
 *
 * @throws OnceAgainError `ONCE_OPTION_INVALID`, `ONCE_UNSAFE_PAIR`.
 * @example
 * ```ts
 * const engine = leasedEngine(redisStore(client), { leaseMs: 30_000 });
 * const operation = { scope: "tenant-7", key: message.id, fingerprint: message.hash, codec: bytesCodec };
 * const outcome = await engine.run(operation, async ({ fence }) => {
 *   const receipt = await charge(message, fence);
 *   return { effect: "done", result: receipt };
 * });
 * if (outcome.kind === "executed" || outcome.kind === "replayed") acknowledge(message, outcome.result);
 * ```
 */
export function leasedEngine(store: Store, engineOptions: EngineOptions): Engine<undefined> {
  const options = checkEngineOptions(engineOptions);
  return publicEngine(leasedEngineOn(store, options, openBoundedStore(store, options)));
}

/** The same, for a room that has checked its options already, and asks the store for more than an engine does. */
export function leasedEngineOn(
  store: Store,
  options: CheckedEngineOptions,
  boundedStore: BoundedStore,
): OpeningEngine<undefined> {
  checkLeasedStore(store, options);
  const operations = runningOperations(options.clock, options.waitMs);
  const parts = {
    options,
    boundedStore,
    operations,
    purgeNowAndThen: expiryPurge(boundedStore),
    makeOwner: ownerTokens(),
  };
  const open = <Value>(operation: OnceOperation<Value>): Awaitable<LeasedAttempt<Value> | Outcome<Value>> => {
    const entered = operations.enter(operation);
    if (!isPromise(entered)) return claim(parts, { operation, running: entered });
    return entered.then((later) =>
      "outcome" in later ? endRequest(operation, later, parts) : claim(parts, { operation, running: later }),
    );
  };
  const runWithoutKey: Engine<undefined>["runUnkeyed"] = (scope, work) =>
    operations.runUnkeyed(() => runUnkeyed(boundedStore, options, scope, work));
  return {
    open,
    async run(operation, work) {
      const opening = open(operation);
      const opened = isPromise(opening) ? await opening : opening;
      return opened.kind === "attempt" ? opened.run(work) : opened;
    },
    runUnkeyed: runWithoutKey,
    openUnkeyed: (scope) =>
      openByRunning(async (work) => ({ kind: "executed", result: await runWithoutKey(scope, work) })),
    async close() {
      await operations.drain();
      await boundedStore.close();
    },
  };
}

/** Tokens that no other attempt has: 128 random bits for the engine, and a number for each of its attempts. */
function ownerTokens(): () => string {
  const engine = crypto.randomUUID();
  let attempts = 0;
  return () => `${engine}.${(attempts += 1)}`;
}

/** Asks the store for a key; while another attempt owns it, again and again until the wait is over. */
function claim<Value>(
  parts: LeasedParts,
  requested: LeasedRequest<Value>,
): Awaitable<LeasedAttempt<Value> | Outcome<Value>> {
  const leave = (error: unknown): never => {
    parts.operations.leave(requested.running, undefined);
    throw error;
  };
  try {
    const claimed = claimOnce(parts, requested, claimRequest(parts, requested.operation));
    return isPromise(claimed) ? claimed.catch(leave) : claimed;
  } catch (error) {
    return leave(error);
  }
}

function claimOnce<Value>(
  parts: LeasedParts,
  requested: LeasedRequest<Value>,
  request: ClaimRequest,
): Awaitable<LeasedAttempt<Value> | Outcome<Value>> {
  const sentAt = parts.options.clock.monotonic();
  const answer = parts.boundedStore.claim(request);
  const take = (answered: ClaimAnswer): Awaitable<LeasedAttempt<Value> | Outcome<Value>> => {
    if (answered.kind === "acquired") {
      return new LeasedAttempt(parts, requested, { request, acquired: answered, sentAt });
    }
    const result = resultOfRefusal(parts, requested, answered);
    if (result === undefined) {
      return pauseBeforeClaim(parts, requested).then(() => claimOnce(parts, requested, request));
    }
    parts.operations.leave(requested.running, result);
    return endRequest(requested.operation, result, parts);
  };
  return isPromise(answer) ? answer.then(take) : take(answer);
}

function claimRequest<Value>({ options, makeOwner }: LeasedParts, operation: OnceOperation<Value>): ClaimRequest {
  const { scope, key, fingerprint } = operation;
  const { leaseMs, retentionMs, heldRetentionMs, takeOverAfterMs } = options;
  return { scope, key, fingerprint, owner: makeOwner(), leaseMs, retentionMs, heldRetentionMs, takeOverAfterMs };
}

/** The end of a request that was not granted its claim; `undefined` as long as it is worth asking again. */
function resultOfRefusal<Value>(
  { options, operations }: LeasedParts,
  { running }: LeasedRequest<Value>,
  answer: Exclude<ClaimAnswer, Acquired>,
): RequestEnd<never> | undefined {
  if (!isPending(answer, options.takeOverAfterMs)) return endWithoutWork(outcomeOfClaim(answer));
  // The store would have refused another fingerprint.
  operations.confirm(running);
  return running.waitEndsAt > options.clock.monotonic() ? undefined : endWithoutWork({ kind: "in-progress" });
}

function pauseBeforeClaim<Value>(
  { options: { clock } }: LeasedParts,
  { running }: LeasedRequest<Value>,
): Promise<void> {
  return sleep(clock, Math.max(0, Math.min(pollMs, running.waitEndsAt - clock.monotonic())));
}

/** The parts of a leased engine. */
interface LeasedParts {
  readonly options: CheckedEngineOptions;
  readonly boundedStore: BoundedStore;
  readonly operations: RunningOperations;
  readonly purgeNowAndThen: () => void;
  readonly makeOwner: () => string;
}

/** One request for an operation that has its place among those that run. */
interface LeasedRequest<Value> {
  readonly operation: OnceOperation<Value>;
  readonly running: RunningOperation;
}

/** A claim that was granted. `sentAt`: when it was sent, on the monotonic clock. */
interface GrantedClaim {
  readonly request: ReleaseRequest;
  readonly acquired: Acquired;
  readonly sentAt: number;
}

/**
 * One attempt at an operation, from the claim that was granted to its end: it owns the key, and renews its lease until it
 * is settled or its time is over. It is one object: what its parts would make anew for each other costs more than the
 * operation (docs/decisions/engine.md).
 *
 * End it once, by `settle` or `fail`. An attempt whose time was over may still settle its key, if it still owns it.
 */
class LeasedAttempt<Value> implements OpenAttempt<undefined, Value>, ExecutionSource, LeaseHolder, TimeoutHolder {
  readonly kind = "attempt";
  readonly #parts: LeasedParts;
  readonly #request: LeasedRequest<Value>;
  readonly #owned: ReleaseRequest;
  readonly #acquired: Acquired;
  readonly #timeout: HandlerTimeout;
  readonly #lease: Lease;
  #execution: WorkExecution<undefined> | undefined;
  #steps: StoredSteps | undefined;
  #hasLeft = false;

  /** @throws OnceAgainError `ONCE_STORE_UNAVAILABLE` when the answer took as long as the lease. */
  constructor(parts: LeasedParts, requested: LeasedRequest<Value>, { request, acquired, sentAt }: GrantedClaim) {
    const { options, boundedStore, operations } = parts;
    const { scope, key, owner } = request;
    this.#parts = parts;
    this.#request = requested;
    this.#owned = { scope, key, owner };
    this.#acquired = acquired;
    // The lease may be over before its grant arrives: then another attempt may own the key already.
    if (options.clock.monotonic() - sentAt >= options.leaseMs) {
      boundedStore.withdraw(this.#owned);
      throw storeUnavailableError(undefined);
    }
    operations.confirm(requested.running);
    this.#timeout = new HandlerTimeout(options, this);
    this.#lease = new Lease(options.deadlines.lease, options.leaseMs, sentAt, this);
  }

  /** The operation, as its work sees it. */
  get execution(): WorkExecution<undefined> {
    return (this.#execution ??= new WorkExecution(this.#owned, this.#acquired, undefined, this));
  }

  /** Calls a function with `ONCE_HANDLER_TIMEOUT` when the time of the work is over. */
  whenTimeIsOver(listener: (error: OnceAgainError) => void): void {
    this.#timeout.whenOver(listener);
  }

  /** Never: what a leased attempt did can't be undone. */
  whenRunAgain(): void {}

  /**
   * Runs the work and settles its key. Work whose time is over is no longer waited for, and its lease is no longer renewed;
   * when it ends at last, it settles its key all the same, if it still owns it.
   */
  run(work: Work<undefined, Value>): Promise<Outcome<Value>> {
    return this.#timeout.within(this.#runAndSettle(work));
  }

  async #runAndSettle(work: Work<undefined, Value>): Promise<Outcome<Value>> {
    let ended: WorkResult<Value>;
    try {
      ended = await work(this.execution);
    } catch (error) {
      return this.fail(error);
    }
    return this.settle(ended);
  }

  /** Ends the attempt by what its work returned. The store has it before this answers. */
  settle(ended: WorkResult<Value>): Awaitable<Outcome<Value>> {
    let bytes: Uint8Array;
    try {
      bytes = this.#request.operation.codec.encode(ended.result);
    } catch (error) {
      return this.fail(error);
    }
    const effect = this.#hadNoEffect ? "none" : ended.effect;
    const result = effect === ended.effect ? ended : { ...ended, effect };
    this.#lease.stop();
    this.#timeout.stop(mustStop(effect) ? operationEndedError() : undefined);
    const policy = this.#policy();
    const settlement = settlementOf(effect, policy);
    const settling = this.#end(settlement, bytes);
    if (!isPromise(settling)) return this.#settled(settling, result, bytes, settlement, policy);
    return settling.then(
      (isSettled) => this.#settled(isSettled, result, bytes, settlement, policy),
      (error: unknown) => this.#leaveAndThrow(error),
    );
  }

  /**
   * Ends the attempt of work that threw, or whose result can't be stored: its outcome is unknown, unless it said that
   * nothing happened.
   *
   * @returns never: it rejects with the error.
   */
  async fail(error: unknown): Promise<never> {
    this.#timeout.stop(operationEndedError());
    this.#lease.stop();
    // A time-out was reported when it was over.
    if (!this.#timeout.isOver) this.#notifyFailed(error);
    try {
      await this.#end(
        this.#hadNoEffect ? settlementOf("none", this.#policy()) : settlementOfUnknown(this.#parts.options),
      );
    } catch {
      // If the store can't be reached either, the lease runs out, which means the same.
    }
    return this.#leaveAndThrow(error);
  }

  get #hadNoEffect(): boolean {
    return this.#execution !== undefined && hadNoEffect(this.#execution);
  }

  #policy(): AttemptPolicy {
    const { abandoned, checkpoints } = this.#acquired;
    const { takeOverAfterMs, finishes } = this.#parts.options;
    const hasStored = Object.keys(checkpoints).length > 0 || this.#steps?.hasStored === true;
    return { hadEffects: abandoned || hasStored, takeOverAfterMs, finishes };
  }

  /** Ends the claim. `false`: this attempt no longer owned the key, and nothing was stored. */
  #end(settlement: Settlement, result: Uint8Array = new Uint8Array()): Awaitable<boolean> {
    const { options, boundedStore } = this.#parts;
    switch (settlement) {
      case "abandon":
        return boundedStore.abandon(this.#owned);
      case "release":
        return boundedStore.release(this.#owned);
      case "expire":
        return true;
      case "complete":
        return boundedStore.complete({ ...this.#owned, result, retentionMs: options.retentionMs });
    }
  }

  #settled(
    isSettled: boolean,
    ended: WorkResult<Value>,
    bytes: Uint8Array,
    settlement: Settlement,
    policy: AttemptPolicy,
  ): Awaitable<Outcome<Value>> {
    if (isSettled) return this.#leave(ownersResult(ended, bytes, settlement, policy));
    return this.#losersResult(ended, bytes).then(
      (result) => this.#leave(result),
      (error: unknown) => this.#leaveAndThrow(error),
    );
  }

  async #losersResult(ended: WorkResult<Value>, bytes: Uint8Array): Promise<RequestEnd<Value>> {
    const found = await this.#parts.boundedStore.inspect(this.#owned);
    const outcome = outcomeOfLoser(found, this.#request.operation, { ...ended, result: bytes });
    // The release was executed, and its acknowledgement was lost.
    if (outcome.kind === "executed") return { outcome, isStored: false, event: "released", value: ended.result };
    return endWithoutWork(outcome);
  }

  /** Duplicates that wait in this process go on. After a time-out they have already. */
  #leave(result: RequestEnd<Value>): Outcome<Value> {
    const { operation, running } = this.#request;
    if (this.#hasLeft) return outcomeFor(operation, result);
    this.#hasLeft = true;
    this.#parts.operations.leave(running, result);
    return endRequest(operation, result, this.#parts);
  }

  #leaveAndThrow(error: unknown): never {
    this.#leaveUnknown();
    throw error;
  }

  #leaveUnknown(): void {
    if (this.#hasLeft) return;
    this.#hasLeft = true;
    this.#parts.operations.leave(this.#request.running, undefined);
  }

  // Called by its work, its lease and its time-out.

  get abort(): LazyAbort {
    return this.#timeout.abort;
  }

  openSteps(): Steps {
    const { options, boundedStore } = this.#parts;
    this.#steps = new StoredSteps(boundedStore, this.#owned, this.#acquired.checkpoints, options.steps, this.#timeout);
    return this.#steps.steps;
  }

  async renewLease(): Promise<boolean> {
    const { options, boundedStore } = this.#parts;
    return boundedStore.renew({ ...this.#owned, leaseMs: options.leaseMs });
  }

  leaseLost(error: OnceAgainError): void {
    const { scope, key } = this.#owned;
    notify(this.#parts.options.onEvent, { type: "lease-lost", scope, key });
    this.abort.abort(error);
  }

  timeIsOver(error: OnceAgainError): void {
    this.#lease.stop();
    this.#notifyFailed(error);
    this.#leaveUnknown();
  }

  #notifyFailed(error: unknown): void {
    const { scope, key } = this.#owned;
    notify(this.#parts.options.onEvent, { type: "handler-failed", scope, key, error });
  }
}

/** How an attempt ended that settled its key. */
function ownersResult<Value>(
  ended: WorkResult<Value>,
  bytes: Uint8Array,
  settlement: Settlement,
  policy: AttemptPolicy,
): RequestEnd<Value> {
  const outcome = outcomeOfOwner({ effect: ended.effect, result: bytes }, policy);
  const event = eventOf(ended.effect, outcome, policy);
  const error = event === "handler-failed" ? workError(ended) : undefined;
  return { outcome, isStored: settlement === "complete", event, value: ended.result, error };
}

/** The event of a request that ran its work here. */
function eventOf(effect: WorkResult["effect"], outcome: Outcome, policy: AttemptPolicy): RequestEnd["event"] {
  if (effect === "unknown" || isHalfWay(effect, policy)) return "handler-failed";
  if (outcome.kind === "outcome-unknown" || effect !== "none") return outcome.kind;
  return policy.hadEffects ? "abandoned" : "released";
}

// Leased work that has no key, and so no record: nothing of it outlives it, so there is nothing to claim, renew or settle.

/** The execution of work that has no key. @param timeout missing where the engine does not bound it. */
export function unkeyedExecution(
  boundedStore: BoundedStore,
  scope: string,
  { steps }: CheckedEngineOptions,
  timeout?: HandlerTimeout,
): WorkExecution<undefined> {
  const name = { scope, key: undefined };
  const openSteps = () =>
    plainSteps(name, steps, (work) =>
      boundedStore.transactUnkeyed(async (transaction) => {
        const stepped = work(transaction);
        const result = await (timeout === undefined ? stepped : timeout.within(stepped));
        return { keep: "commit", result, value: result };
      }),
    );
  return new WorkExecution(name, onlyAttempt, undefined, { abort: timeout?.abort ?? new LazyAbort(), openSteps });
}

/** Runs leased work that has no key, and reports its failure, since nothing else will. */
async function runUnkeyed<Value>(
  boundedStore: BoundedStore,
  options: CheckedEngineOptions,
  scope: string,
  work: Work<undefined, Value>,
): Promise<Value> {
  const notifyFailure = (error: unknown): void =>
    notify(options.onEvent, { type: "handler-failed", scope, key: undefined, error });
  const timeout = new HandlerTimeout(options, { timeIsOver: notifyFailure });
  const run = async (): Promise<Value> => {
    const execution = unkeyedExecution(boundedStore, scope, options, timeout);
    let ended: WorkResult<Value> | undefined;
    try {
      ended = await work(execution);
      return ended.result;
    } finally {
      const effect = hadNoEffect(execution) ? "none" : (ended?.effect ?? "unknown");
      timeout.stop(mustStop(effect) ? operationEndedError() : undefined);
      if (ended !== undefined && effect === "unknown") notifyFailure(workError(ended));
    }
  };
  return timeout.within(run());
}
