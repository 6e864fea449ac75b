import { isPromise } from "../core/awaitable.ts";
import { sleep } from "../core/clock.ts";
import { OnceAgainError } from "../core/errors.ts";
import { notify } from "../core/listener.ts";
import { encodeDetails } from "../core/operation-details.ts";
import type { TransactionalStore, TransactionAnswer, TransactionEnding } from "../stores/store.ts";
import {
  type CheckedEngineOptions,
  checkEngineOptions,
  checkTransactionalStore,
  type EngineOptions,
  pollMs,
} from "./options.ts";
import {
  type Engine,
  type OnceOperation,
  type OpeningEngine,
  operationEndedError,
  resultUnconfirmedError,
  storeUnavailableError,
  type Work,
  type WorkResult,
} from "./engine.ts";
import { type BoundedStore, openBoundedStore } from "./bounded-store.ts";
import { expiryPurge } from "./expiry-purge.ts";
import { HandlerTimeout } from "./handler-timeout.ts";
import { mustStop } from "./leased-decisions.ts";
import { openByRunning } from "./open-by-running.ts";
import { endRequest, endWithoutWork, outcomeOfClaim, type RequestEnd, workError } from "./request-end.ts";
import { type RunningOperation, type RunningOperations, runningOperations } from "./running-operations.ts";
import { keyless, notifyReceived } from "./server-event.ts";
import { plainSteps } from "./steps.ts";
import { optionsWithin } from "./time-left.ts";
import { hadNoEffect, onlyAttempt, publicEngine, WorkExecution } from "./execution.ts";

/**
 * An engine in which key, effect and result commit in one transaction of the user's own database: a crash at any point
 * leaves either all of them or none, so there is neither a lease nor an unknown outcome.
 *
 * @throws OnceAgainError `ONCE_OPTION_INVALID`; `ONCE_UNSAFE_PAIR` when the store has no transactions to offer.
 */
export function transactionalEngine<Transaction>(
  store: TransactionalStore<Transaction>,
  engineOptions: EngineOptions,
): Engine<Transaction> {
  const options = checkEngineOptions(engineOptions);
  return publicEngine(transactionalEngineOn(store, options, openBoundedStore<Transaction>(store, options)));
}

/** The same, for a room that has checked its options already, and asks the store for more than an engine does. */
export function transactionalEngineOn<Transaction>(
  store: TransactionalStore<Transaction>,
  options: CheckedEngineOptions,
  boundedStore: BoundedStore<Transaction>,
): OpeningEngine<Transaction> {
  checkTransactionalStore(store);
  const { clock, waitMs, onEvent } = options;
  const purge = expiryPurge(boundedStore);
  const operations = runningOperations(clock, waitMs);
  const leave = boundedStore.enter();

  const run: Engine<Transaction>["run"] = async (operation, work) => {
    // Before it waits: the time that is left then is less.
    const within = optionsWithin(options, operation.timeLeftMs);
    const call = onEvent === undefined ? undefined : notifyReceived(onEvent, operation);
    const entered = operations.enter(operation, within.waitMs);
    const running = isPromise(entered) ? await entered : entered;
    const result =
      "outcome" in running
        ? running
        : await runOperation({
            boundedStore,
            options: within,
            operations,
            operation,
            work,
            running,
            call,
          });
    const facts = { call, attempt: "value" in result ? onlyAttempt.attempt : undefined };
    return endRequest(operation, result, { options, purge }, facts);
  };
  const runUnkeyed: Engine<Transaction>["runUnkeyed"] = (scope, work) =>
    operations.runUnkeyed(async () => {
      const name = { scope, ...keyless };
      const ended = await transact(options, name, { work, encode: storeNothing }, (begin) =>
        boundedStore.transactUnkeyed(begin),
      );
      if (ended.effect === "unknown") notify(onEvent, { type: "handler-failed", ...name, error: workError(ended) });
      return ended.result;
    });
  return {
    run,
    runUnkeyed,
    open: (operation) => openByRunning((work) => run(operation, work)),
    openUnkeyed: (scope) =>
      openByRunning(async (work) => ({ kind: "executed", result: await runUnkeyed(scope, work) })),
    async close() {
      await operations.drain();
      await leave();
    },
  };
}

const storeNothing = (): Uint8Array => new Uint8Array();

/** One operation, and what its transaction needs. */
interface Running<Transaction, Value> {
  boundedStore: BoundedStore<Transaction>;
  options: CheckedEngineOptions;
  operation: OnceOperation<Value>;
  work: Work<Transaction, Value>;
  operations: RunningOperations;
  running: RunningOperation;
  /** Its identity in events. */
  call: object | undefined;
}

/** Runs an operation; as long as another process has its key, asks again until the wait is over. */
async function runOperation<Transaction, Value>(parts: Running<Transaction, Value>): Promise<RequestEnd<Value>> {
  const { boundedStore, options, operations, running, call } = parts;
  const { scope, key, codec, earlierFingerprints = [], onEarlierFingerprint } = parts.operation;
  let { fingerprint } = parts.operation;
  let earlier = 0;
  const details = parts.operation.details && encodeDetails(parts.operation.details);
  const { clock, retentionMs, heldRetentionMs } = options;
  const work: Work<Transaction, Value> = (execution) => {
    // The key is ours.
    operations.confirm(running);
    return parts.work(execution);
  };
  const encode = (value: Value): Uint8Array => codec.encode(value);
  const begin: Begin<Transaction, Value, TransactionAnswer<Ended<Value>>> = (run) =>
    boundedStore.transact({ scope, key, fingerprint, retentionMs, heldRetentionMs, details }, run);
  let result: RequestEnd<Value> | undefined;
  try {
    for (;;) {
      const answer = resultOf(await transact(options, { scope, key, call }, { work, encode }, begin, held));
      if (answer.outcome.kind === "mismatch" && earlier < earlierFingerprints.length) {
        fingerprint = earlierFingerprints[earlier]!;
        earlier += 1;
        continue;
      }
      if (earlier > 0 && answer.outcome.kind !== "mismatch") onEarlierFingerprint?.({ scope, key });
      const leftMs = running.waitEndsAt - clock.monotonic();
      if (answer.outcome.kind !== "in-progress" || leftMs <= 0) return (result = answer);
      await sleep(clock, Math.min(pollMs, leftMs));
    }
  } finally {
    operations.leave(running, result);
  }
}

/** The answer where the store found its transaction ended by the work, and therefore holds the key. */
const held = { kind: "abandoned", leaseOverMs: 0 } as const;

/** The end of a request, by the store's answer to its transaction. */
function resultOf<Value>(answer: TransactionAnswer<Ended<Value>>): RequestEnd<Value> {
  if (answer.kind !== "executed") return endWithoutWork(outcomeOfClaim(answer));
  const { effect, bytes, result } = answer.value;
  const executed = { outcome: { kind: "executed", result: bytes }, value: result } as const;
  if (effect === "unknown") {
    return { ...executed, isStored: false, event: "handler-failed", error: workError(answer.value) };
  }
  const isStored = keeps[effect] !== "rollback";
  return { ...executed, isStored, event: isStored ? "executed" : "released" };
}

/** The name of an operation; without a key, of one that has no record. */
interface Name {
  scope: string;
  key: string | undefined;
  call: object | undefined;
}

/** Work, and how its result is stored. */
interface EncodedWork<Transaction, Value> {
  work: Work<Transaction, Value>;
  encode: (value: Value) => Uint8Array;
}

/** How one run of the work ended. `bytes`: its result, as it is stored. */
interface Ended<Value> extends WorkResult<Value> {
  bytes: Uint8Array;
}

/** Asks the store for a transaction, in which the work runs. */
type Begin<Transaction, Value, Answer> = (
  run: (transaction: Transaction) => Promise<TransactionEnding<Ended<Value>>>,
) => Promise<Answer>;

/** The last run of the work: a store that runs it again has found out that the transaction before came to nothing. */
interface LastRun<Value> {
  timeout: HandlerTimeout;
  ended?: Ended<Value>;
  /** The error that the work threw. */
  thrown?: { error: unknown };
}

/** Runs the work in its time. When that is over, the work has failed, and its transaction is rolled back. */
async function runIn<Transaction, Value>(
  options: CheckedEngineOptions,
  { scope, key }: Name,
  { work, encode }: EncodedWork<Transaction, Value>,
  transaction: Transaction,
  run: LastRun<Value>,
): Promise<TransactionEnding<Ended<Value>>> {
  const { timeout } = run;
  const openSteps = () => plainSteps({ scope, key }, options.steps, (step) => step(transaction));
  const source = { timeout, openSteps };
  const execution = new WorkExecution({ scope, key }, onlyAttempt, transaction, source);
  try {
    const ended = await timeout.within(work(execution));
    const effect = hadNoEffect(execution) ? "none" : ended.effect;
    run.ended = { ...ended, effect, bytes: encode(ended.result) };
  } catch (error) {
    run.thrown = { error };
    throw error;
  } finally {
    timeout.stop(run.ended === undefined || mustStop(run.ended.effect) ? operationEndedError() : undefined);
  }
  const { effect, bytes, cause } = run.ended;
  return { keep: keeps[effect], result: bytes, value: run.ended, cause };
}

/**
 * Runs a transaction and attributes its failure: an error that the work threw is the handler's, any other the store's. Where the work had
 * asked for a commit, it is unknown whether the store failed before or after it.
 *
 * @param whenHeld the answer where the store found its transaction ended by the work, and therefore holds the key.
 */
async function transact<Transaction, Value, Answer>(
  options: CheckedEngineOptions,
  { scope, key, call }: Name,
  work: EncodedWork<Transaction, Value>,
  begin: Begin<Transaction, Value, Answer>,
  whenHeld?: Answer,
): Promise<Answer> {
  let last: LastRun<Value> | undefined;
  try {
    return await begin((transaction) => {
      last = { timeout: new HandlerTimeout(options) };
      return runIn(options, { scope, key, call }, work, transaction, last);
    });
  } catch (error) {
    const run = last;
    // It was not committed as it was asked for: what its handler may still do must not count on it.
    run?.timeout.stop(operationEndedError());
    const isHandlers = run?.thrown !== undefined && run.thrown.error === error;
    if (isHandlers || OnceAgainError.isInstance(error, "ONCE_HANDLER_FAILED")) {
      const attempt = key === undefined ? undefined : onlyAttempt.attempt;
      notify(options.onEvent, { type: "handler-failed", scope, key, call, attempt, error });
      throw error;
    }
    if (OnceAgainError.isInstance(error, "ONCE_OUTCOME_UNKNOWN") && whenHeld !== undefined) {
      options.onError(error, { room: "operation", scope, key });
      return whenHeld;
    }
    notify(options.onEvent, { type: "store-failed", operation: "transact", scope, key, error });
    const keep = run?.ended && keeps[run.ended.effect];
    if (keep === "commit" || keep === "answer-only") throw resultUnconfirmedError(error);
    throw OnceAgainError.isInstance(error) ? error : storeUnavailableError(error);
  }
}

/** A failure that can't tell what it did is rolled back, which proves that nothing happened. */
const keeps = {
  done: "commit",
  refused: "answer-only",
  none: "rollback",
  unknown: "rollback",
  held: "rollback",
} as const;
