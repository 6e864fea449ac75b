import { type Awaitable, isPromise } from "../core/awaitable.ts";
import { sleep } from "../core/clock.ts";
import type { OnceAgainError } from "../core/errors.ts";
import { notify } from "../core/listener.ts";
import { Lease, type LeaseHolder } from "../core/lease.ts";
import { encodeDetails, type HeldReason } from "../core/operation-details.ts";
import type { Acquired, ClaimAnswer, ClaimRequest, ReleaseRequest, Store } from "../stores/store.ts";
import { type RunningOperation, runningOperations, type RunningOperations } from "./running-operations.ts";
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
import { keyless, notifyReceived, type RequestFacts } from "./server-event.ts";
import { type ExecutionSource, hadNoEffect, onlyAttempt, publicEngine, WorkExecution } from "./execution.ts";
import { type BoundedStore, openBoundedStore } from "./bounded-store.ts";
import { type ExpiryPurge, expiryPurge } from "./expiry-purge.ts";
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
import { optionsWithin } from "./time-left.ts";

/** One leased engine: its options, its store, and the operations that run in it. */
export interface LeasedContext {
  readonly options: CheckedEngineOptions;
  readonly boundedStore: BoundedStore;
  readonly operations: Pick<RunningOperations, "confirm" | "leave">;
  readonly purge: ExpiryPurge;
  readonly makeOwner: () => string;
}

/** One request for an operation that has its place among those that run. */
interface LeasedRequest<Value> {
  readonly operation: OnceOperation<Value>;
  readonly running: RunningOperation;
  /** Its identity in events. */
  readonly call: object | undefined;
}

/** A claim that was granted. `sentAt`: when it was sent, on the monotonic clock. */
interface GrantedClaim {
  readonly request: ReleaseRequest;
  readonly acquired: Acquired;
  readonly sentAt: number;
}

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
  const leave = boundedStore.enter();
  const context = {
    options,
    boundedStore,
    operations,
    purge: expiryPurge(boundedStore),
    makeOwner: ownerTokens(),
  };
  const open = <Value>(operation: OnceOperation<Value>): Awaitable<LeasedRun<Value> | Outcome<Value>> => {
    const { timeLeftMs } = operation;
    const within = timeLeftMs === undefined ? context : { ...context, options: optionsWithin(options, timeLeftMs) };
    const call = options.onEvent === undefined ? undefined : notifyReceived(options.onEvent, operation);
    const entry = operations.enter(operation, within.options.waitMs);
    if (!isPromise(entry)) return claim(within, { operation, running: entry, call });
    return entry.then((place) =>
      "outcome" in place
        ? endRequest(operation, place, context, { call, attempt: undefined })
        : claim(within, { operation, running: place, call }),
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
      await leave();
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
export function claim<Value>(
  context: LeasedContext,
  requested: LeasedRequest<Value>,
): Awaitable<LeasedRun<Value> | Outcome<Value>> {
  const leave = (error: unknown): never => {
    context.operations.leave(requested.running, undefined);
    throw error;
  };
  try {
    const claimed = claimOnce(context, requested);
    return isPromise(claimed) ? claimed.catch(leave) : claimed;
  } catch (error) {
    return leave(error);
  }
}

function claimRequest<Value>(
  { options, makeOwner }: LeasedContext,
  operation: OnceOperation<Value>,
  fingerprint: string,
): ClaimRequest {
  const { scope, key } = operation;
  const { leaseMs, retentionMs, heldRetentionMs, takeOverAfterMs } = options;
  const details = operation.details && encodeDetails(operation.details);
  return {
    ...{ scope, key, fingerprint, owner: makeOwner() },
    ...{ leaseMs, retentionMs, heldRetentionMs, takeOverAfterMs, details },
  };
}

/** @param earlier how many of the earlier fingerprints it has tried, beside its own: the last of them is asked for. */
function claimOnce<Value>(
  context: LeasedContext,
  requested: LeasedRequest<Value>,
  earlier = 0,
): Awaitable<LeasedRun<Value> | Outcome<Value>> {
  const { fingerprint, earlierFingerprints = [], onEarlierFingerprint } = requested.operation;
  const sentAt = context.options.clock.monotonic();
  // Another owner each time: what became of the claim before is its own affair.
  const tried = earlier === 0 ? fingerprint : earlierFingerprints[earlier - 1]!;
  const request = claimRequest(context, requested.operation, tried);
  const answer = context.boundedStore.claim(request);
  const start = (claimed: ClaimAnswer): Awaitable<LeasedRun<Value> | Outcome<Value>> => {
    if (claimed.kind === "mismatch" && earlier < earlierFingerprints.length) {
      return claimOnce(context, requested, earlier + 1);
    }
    if (earlier > 0 && claimed.kind !== "mismatch") onEarlierFingerprint?.(requested.operation);
    if (claimed.kind === "acquired") {
      return new LeasedRun(context, requested, { request, acquired: claimed, sentAt });
    }
    const end = endWithoutClaim(context, requested, claimed);
    if (end === undefined) {
      return pauseBeforeClaim(context, requested).then(() => claimOnce(context, requested, earlier));
    }
    context.operations.leave(requested.running, end);
    return endRequest(requested.operation, end, context, { call: requested.call, attempt: undefined });
  };
  return isPromise(answer) ? answer.then(start) : start(answer);
}

/** The end of a request that was not granted its claim; `undefined` as long as it is worth asking again. */
function endWithoutClaim<Value>(
  { options, operations }: LeasedContext,
  { running }: LeasedRequest<Value>,
  answer: Exclude<ClaimAnswer, Acquired>,
): RequestEnd<never> | undefined {
  if (!isPending(answer, options.takeOverAfterMs)) return endWithoutWork(outcomeOfClaim(answer));
  // The store would have refused another fingerprint.
  operations.confirm(running);
  return running.waitEndsAt > options.clock.monotonic() ? undefined : endWithoutWork({ kind: "in-progress" });
}

function pauseBeforeClaim<Value>(
  { options: { clock } }: LeasedContext,
  { running }: LeasedRequest<Value>,
): Promise<void> {
  return sleep(clock, Math.max(0, Math.min(pollMs, running.waitEndsAt - clock.monotonic())));
}

/**
 * One attempt at an operation, from the claim that was granted to its end: it owns the key, and renews its lease until it
 * is settled or its time is over. It is one object, since separate objects for its lease,
 * its time-out and its execution cost more than the operation (docs/decisions/engine.md).
 *
 * End it once, by `settle` or `fail`. After a time-out it may still settle its key, if it still owns it.
 */
class LeasedRun<Value> implements OpenAttempt<undefined, Value>, ExecutionSource, LeaseHolder, TimeoutHolder {
  readonly kind = "attempt";
  readonly #context: LeasedContext;
  readonly #request: LeasedRequest<Value>;
  readonly #owned: ReleaseRequest;
  readonly #acquired: Acquired;
  readonly #timeout: HandlerTimeout;
  readonly #lease: Lease;
  #execution: WorkExecution<undefined> | undefined;
  #steps: StoredSteps | undefined;
  #hasLeft = false;

  /** @throws OnceAgainError `ONCE_STORE_UNAVAILABLE` when the answer took as long as the lease. */
  constructor(context: LeasedContext, requested: LeasedRequest<Value>, { request, acquired, sentAt }: GrantedClaim) {
    const { options, boundedStore, operations } = context;
    const { scope, key, owner } = request;
    this.#context = context;
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
   * Runs the work and settles its key. After a time-out the work is no longer awaited and its lease no longer renewed; when
   * it ends at last, it settles its key all the same, if it still owns it.
   */
  run(work: Work<undefined, Value>): Promise<Outcome<Value>> {
    return this.#timeout.within(this.#runAndSettle(work));
  }

  async #runAndSettle(work: Work<undefined, Value>): Promise<Outcome<Value>> {
    let result: WorkResult<Value>;
    try {
      result = await work(this.execution);
    } catch (error) {
      return this.fail(error);
    }
    return this.settle(result);
  }

  /** Ends the attempt by what its work returned. The store has it before this answers. */
  settle(workResult: WorkResult<Value>): Awaitable<Outcome<Value>> {
    let bytes: Uint8Array;
    try {
      bytes = this.#request.operation.codec.encode(workResult.result);
    } catch (error) {
      return this.fail(error);
    }
    const effect = this.#hadNoEffect ? "none" : workResult.effect;
    const result = effect === workResult.effect ? workResult : { ...workResult, effect };
    this.#lease.stop();
    this.#timeout.stop(mustStop(effect) ? operationEndedError() : undefined);
    const policy = this.#policy();
    const settlement = settlementOf(effect, policy);
    const settling = this.#end(settlement, reasonOf(result), bytes);
    if (!isPromise(settling)) return this.#settled(settling, result, bytes, settlement, policy);
    return settling.then(
      (isSettled) => this.#settled(isSettled, result, bytes, settlement, policy),
      (error: unknown) => this.#leaveAndThrow(error),
    );
  }

  /**
   * Ends the attempt of work that threw, or that returned a result that can't be stored. Its outcome is unknown, unless the
   * work said that nothing happened.
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
        this.#hadNoEffect ? settlementOf("none", this.#policy()) : settlementOfUnknown(this.#context.options),
        this.#hadNoEffect ? undefined : "threw",
      );
    } catch (unsettled) {
      // If the store can't be reached either, the lease runs out, which means the same; unless its owner goes on.
      if (this.#context.options.goesOn) return this.#leaveAndThrow(unsettled);
    }
    return this.#leaveAndThrow(error);
  }

  get #hadNoEffect(): boolean {
    return this.#execution !== undefined && hadNoEffect(this.#execution);
  }

  #policy(): AttemptPolicy {
    const { abandoned, checkpoints } = this.#acquired;
    const { takeOverAfterMs, finishes } = this.#context.options;
    const hasStored = Object.keys(checkpoints).length > 0 || this.#steps?.hasStored === true;
    return { hadEffects: abandoned || hasStored, takeOverAfterMs, finishes };
  }

  /** Ends the claim. `false`: this attempt no longer owned the key, and nothing was stored. */
  #end(
    settlement: Settlement,
    reason: HeldReason | undefined,
    result: Uint8Array = new Uint8Array(),
  ): Awaitable<boolean> {
    const { options, boundedStore } = this.#context;
    switch (settlement) {
      case "abandon":
        return boundedStore.abandon({ ...this.#owned, ...this.#detailsWith(reason) });
      case "release":
        return boundedStore.release(this.#owned);
      case "expire":
        this.#storeReason(reason);
        return true;
      case "complete":
        return boundedStore.complete({ ...this.#owned, result, retentionMs: options.retentionMs });
    }
  }

  /** The operation's details, where it has some and there is something to add. */
  #detailsWith(reason: HeldReason | undefined): { details?: Uint8Array } {
    const { details } = this.#request.operation;
    return details === undefined || reason === undefined ? {} : { details: encodeDetails({ ...details, reason }) };
  }

  /** Stores how the attempt ended while its lease runs out, which nothing waits for: it is for people. */
  #storeReason(reason: HeldReason | undefined): void {
    const change = this.#detailsWith(reason);
    const leaseMs = this.#lease.leftMs;
    if (change.details === undefined || leaseMs <= 0) return;
    this.#context.boundedStore.renew({ ...this.#owned, leaseMs, ...change }).catch(() => undefined);
  }

  #settled(
    isSettled: boolean,
    workResult: WorkResult<Value>,
    bytes: Uint8Array,
    settlement: Settlement,
    policy: AttemptPolicy,
  ): Awaitable<Outcome<Value>> {
    if (isSettled) return this.#leave(ownersEnd(workResult, bytes, settlement, policy));
    return this.#losersEnd(workResult, bytes).then(
      (end) => this.#leave(end),
      (error: unknown) => this.#leaveAndThrow(error),
    );
  }

  async #losersEnd(workResult: WorkResult<Value>, bytes: Uint8Array): Promise<RequestEnd<Value>> {
    const record = await this.#context.boundedStore.inspect(this.#owned);
    const outcome = outcomeOfLoser(record, this.#request.operation, { ...workResult, result: bytes });
    // The release was executed, and its acknowledgement was lost.
    if (outcome.kind === "executed") return { outcome, isStored: false, event: "released", value: workResult.result };
    return endWithoutWork(outcome);
  }

  /** Duplicates that wait in this process go on. After a time-out they have already. */
  #leave(end: RequestEnd<Value>): Outcome<Value> {
    const { operation, running, call } = this.#request;
    if (this.#hasLeft) return outcomeFor(operation, end);
    this.#hasLeft = true;
    this.#context.operations.leave(running, end);
    return endRequest(operation, end, this.#context, { call, attempt: this.#acquired.attempt });
  }

  #leaveAndThrow(error: unknown): never {
    this.#leaveUnknown();
    throw error;
  }

  #leaveUnknown(): void {
    if (this.#hasLeft) return;
    this.#hasLeft = true;
    this.#context.operations.leave(this.#request.running, undefined);
  }

  // Called by its work, its lease and its time-out.

  get timeout(): HandlerTimeout {
    return this.#timeout;
  }

  checkLease(): void {
    this.#lease.check();
  }

  openSteps(): Steps {
    const { options, boundedStore } = this.#context;
    this.#steps = new StoredSteps(boundedStore, this.#owned, this.#acquired.checkpoints, options.steps, {
      timeout: this.#timeout,
      isOver: () => options.takeOverAfterMs !== undefined && this.#lease.leftMs <= 0,
    });
    return this.#steps.steps;
  }

  async renewLease(): Promise<boolean> {
    const { options, boundedStore } = this.#context;
    return boundedStore.renew({ ...this.#owned, leaseMs: options.leaseMs });
  }

  leaseLost(error: OnceAgainError): void {
    const { onEvent } = this.#context.options;
    if (onEvent !== undefined) notify(onEvent, { type: "lease-lost", ...this.#facts() });
    this.#timeout.abort.abort(error);
  }

  timeIsOver(error: OnceAgainError): void {
    this.#lease.stop();
    this.#storeReason("time-out");
    this.#notifyFailed(error);
    this.#leaveUnknown();
  }

  #notifyFailed(error: unknown): void {
    const { onEvent } = this.#context.options;
    if (onEvent !== undefined) notify(onEvent, { type: "handler-failed", ...this.#facts(), error });
  }

  /** The facts that each of its events has. */
  #facts(): { scope: string; key: string } & RequestFacts {
    const { scope, key } = this.#owned;
    return { scope, key, call: this.#request.call, attempt: this.#acquired.attempt };
  }
}

/** The reason for which a key may be held after its work returned; `undefined`: none. */
function reasonOf<Value>({ effect, cause }: WorkResult<Value>): HeldReason | undefined {
  if (effect === "held") return "held";
  if (effect !== "unknown") return undefined;
  return cause === undefined ? "failed" : "threw";
}

/** How an attempt ended that settled its key. */
function ownersEnd<Value>(
  workResult: WorkResult<Value>,
  bytes: Uint8Array,
  settlement: Settlement,
  policy: AttemptPolicy,
): RequestEnd<Value> {
  const outcome = outcomeOfOwner({ effect: workResult.effect, result: bytes }, policy);
  const event = chooseEvent(workResult.effect, outcome, policy);
  const error = event === "handler-failed" ? workError(workResult) : undefined;
  return { outcome, isStored: settlement === "complete", event, value: workResult.result, error };
}

/** The event of a request that ran its work here. */
function chooseEvent(effect: WorkResult["effect"], outcome: Outcome, policy: AttemptPolicy): RequestEnd["event"] {
  if (effect === "unknown" || isHalfWay(effect, policy)) return "handler-failed";
  if (outcome.kind === "outcome-unknown" || effect !== "none") return outcome.kind;
  return policy.hadEffects ? "abandoned" : "released";
}

/**
 * Runs leased work that has no key. It has no record, so there is nothing to claim, renew or settle, and its failure is
 * reported here, since nothing else will report it.
 */
async function runUnkeyed<Value>(
  boundedStore: BoundedStore,
  options: CheckedEngineOptions,
  scope: string,
  work: Work<undefined, Value>,
): Promise<Value> {
  const notifyFailure = (error: unknown): void =>
    notify(options.onEvent, { type: "handler-failed", scope, ...keyless, error });
  const timeout = new HandlerTimeout(options, { timeIsOver: notifyFailure });
  const run = async (): Promise<Value> => {
    const execution = unkeyedExecution(boundedStore, scope, options, timeout);
    let result: WorkResult<Value> | undefined;
    try {
      result = await work(execution);
      return result.result;
    } finally {
      const effect = hadNoEffect(execution) ? "none" : (result?.effect ?? "unknown");
      timeout.stop(mustStop(effect) ? operationEndedError() : undefined);
      if (result !== undefined && effect === "unknown") notifyFailure(workError(result));
    }
  };
  return timeout.within(run());
}

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
  return new WorkExecution(name, onlyAttempt, undefined, { timeout, openSteps });
}
