import { answerBefore, sharedTimers } from "../core/deadline-timer.ts";
import { type Awaitable, isPromise } from "../core/awaitable.ts";
import type { Clock } from "../core/clock.ts";
import { OnceAgainError } from "../core/errors.ts";
import { type ErrorListener, type ErrorSubject, notify } from "../core/listener.ts";
import { recordId } from "../key/key.ts";
import { storeLateError } from "../core/store-late-error.ts";
import { equalJitter, exponentialBackoff } from "../retry/index.ts";
import { retryPolicy } from "../retry/retry-options.ts";
import { runRetry } from "../retry/retry.ts";
import type {
  CheckpointRequest,
  ClaimAnswer,
  ClaimRequest,
  CompleteRequest,
  InspectedRecord,
  ListRequest,
  PurgeRequest,
  OnLateUse,
  RecordName,
  ReleaseRequest,
  RenewRequest,
  StepRequest,
  Store,
  TransactionalStore,
  TransactionAnswer,
  TransactionEnding,
  TransactionRequest,
} from "../stores/store.ts";
import { type BackgroundCalls, backgroundCalls } from "./background-calls.ts";
import { claimWithdrawals, type ClaimWithdrawals } from "./claim-withdrawal.ts";
import { resultUnconfirmedError, storeUnavailableError } from "./engine.ts";
import { recordFault } from "../core/record-errors.ts";
import type { StoreOperation } from "./server-event.ts";
import type { CheckedEngineOptions } from "./options.ts";

/**
 * The one way from a server to its store. Each call is awaited no longer than `storeMsMax`. The end of an attempt is
 * sent again in the background until the store has confirmed it. A test holds that no other file of
 * this room calls a store.
 *
 * Calls reject with `ONCE_STORE_UNAVAILABLE` where nothing has run yet (with `ONCE_RECORD_BROKEN` or `ONCE_SEAL_BROKEN`
 * where the store answered with what can't be read), with `ONCE_RESULT_UNCONFIRMED` everywhere else; `list`
 * and `discard` with what the store threw, or that it was too slow;
 * transactions with what their work or the store threw, and with `ONCE_STORE_UNAVAILABLE` when the store was too slow.
 */
export interface BoundedStore<Transaction = unknown> {
  /** A claim that fails is withdrawn, since its work will not run. */
  claim(request: ClaimRequest): Awaitable<ClaimAnswer>;
  /** Gives back, in the background, a claim for which no work will run. */
  withdraw(owned: ReleaseRequest): void;
  renew(request: RenewRequest): Promise<boolean>;
  /** `complete`, `release` and `abandon` continue after they failed, until their outcome is known. */
  complete(request: CompleteRequest): Awaitable<boolean>;
  release(owned: ReleaseRequest): Awaitable<boolean>;
  /** Ends the lease at once. @param owned brings details where those of the claim are to be replaced. */
  abandon(owned: Omit<RenewRequest, "leaseMs">): Awaitable<boolean>;
  checkpoint(request: CheckpointRequest): Promise<boolean>;
  inspect(name: RecordName): Promise<InspectedRecord | undefined>;
  /** `inspect` before a request is admitted: when it fails, nothing happened. */
  lookUp(name: RecordName): Promise<InspectedRecord | undefined>;
  list(request: ListRequest): Promise<readonly InspectedRecord[]>;
  /** Removes the record of an abandoned operation that is known to have had no effect. `false`: it is not abandoned. */
  discard(name: RecordName): Promise<boolean>;
  purge(request: PurgeRequest): Promise<number>;
  transact<Value>(
    request: TransactionRequest,
    work: (transaction: Transaction) => Promise<TransactionEnding<Value>>,
  ): Promise<TransactionAnswer<Value>>;
  transactUnkeyed<Value>(work: (transaction: Transaction) => Promise<TransactionEnding<Value>>): Promise<Value>;
  transactStep(
    request: StepRequest,
    work: (transaction: Transaction) => Promise<Uint8Array>,
  ): Promise<Uint8Array | undefined>;
  /** For how long the store has not answered in time, milliseconds; 0 where it answered last. */
  awayMs(): number;
  /** Inside a transaction of this store, which bounds it; `undefined` where the store has no marks. */
  readonly moveMark: TransactionalStore<Transaction>["moveMark"];
  /**
   * One more engine is on it. @returns a function by which that one leaves, when its operations have ended. The last one that
   * leaves has all unsettled calls sent once more; that resolves when they are settled, or after twice `storeMsMax`.
   */
  enter(): () => Promise<void>;
}

/** The store and its options, for calls that continue after the caller has its response. */
interface BackgroundContext {
  unstored: ReturnType<typeof unstoredResults>;
  store: Store;
  options: CheckedEngineOptions;
  once: <Answer>(ask: () => Awaitable<Answer>) => Promise<Answer>;
  background: BackgroundCalls;
}

/**
 * Asks the store for one operation of the port, again when it fails: every one is idempotent for its owner.
 *
 * @param whenFailed is called when it has failed for good, before the error is thrown.
 */
type CallStore = <Answer>(
  operation: StoreOperation,
  name: { scope: string; key: string | undefined },
  ask: () => Awaitable<Answer>,
  whenFailed?: () => void,
) => Awaitable<Answer>;

export function openBoundedStore<Transaction>(store: Store, options: CheckedEngineOptions): BoundedStore<Transaction> {
  const { clock, deadlines, goesOn, onError, storeMsMax } = options;
  const absence = new Absence(clock);
  const [call, background] = [storeCalls(options, absence), backgroundCalls(options)];
  const once = async <Answer>(ask: () => Awaitable<Answer>): Promise<Answer> => {
    const asking = rejectIfThrows(ask);
    const answer = isPromise(asking) ? await answerBefore(deadlines.store, storeMsMax, asking, storeLateError) : asking;
    absence.answered();
    return answer;
  };
  /** None before a claim has failed. */
  let withdrawals: ClaimWithdrawals | undefined;
  const openWithdrawals = (): ClaimWithdrawals =>
    (withdrawals ??= claimWithdrawals({ clock, background, release: (owned) => once(() => store.release(owned)) }));
  const unstored = unstoredResults();
  const settleLater = goesOn ? () => undefined : settlingInBackground({ store, options, once, background, unstored });

  /** Calls the store to end an attempt. A call that failed continues in the background. */
  const settle = (
    operation: "complete" | "release" | "renew",
    owned: ReleaseRequest,
    ask: () => Awaitable<boolean>,
    result?: Uint8Array,
  ): Awaitable<boolean> => call(operation, owned, ask, () => settleLater(owned, ask, result));

  /** An operation may end while such a call is under way: `close` waits for it, and its repetition. */
  const watched = async <Answer>(answer: Awaitable<Answer>): Promise<Answer> => {
    if (isPromise(answer)) background.watch(answer);
    return answer;
  };

  const bounds = { clock: sharedTimers(clock), msMax: storeMsMax, absence };
  const bounded = <Ending, Answer>(
    begin: (run: (transaction: Transaction) => Promise<Ending>) => Promise<Answer>,
    work: (transaction: Transaction) => Promise<Ending>,
  ): Promise<Answer> => transactWithin(bounds, begin, work, background.watch);
  // Not every store has transactions, so this is checked when one is used.
  const transactions = (): TransactionalStore<Transaction> => transactional(store);

  const whenLate = lateUses(onError);
  return {
    claim: claiming({ store, call, unstored, openWithdrawals, goesOn }),
    withdraw: (owned) => void (goesOn || openWithdrawals().withdraw(owned)),
    renew: (request) => watched(call("renew", request, () => store.renew(request))),
    complete(request) {
      withdrawals?.ended(request);
      return settle("complete", request, () => store.complete(request), request.result);
    },
    release(owned) {
      withdrawals?.released(owned);
      return settle("release", owned, () => store.release(owned));
    },
    abandon(owned) {
      withdrawals?.ended(owned);
      return settle("renew", owned, () => store.renew({ ...owned, leaseMs: 0 }));
    },
    checkpoint: async (request) => call("checkpoint", request, () => store.checkpoint(request)),
    inspect: async (name) => call("inspect", name, () => store.inspect(name)),
    async lookUp(name) {
      try {
        return await call("inspect", name, () => store.inspect(name));
      } catch (error) {
        throw beforeWorkError((error as OnceAgainError).cause);
      }
    },
    list: (request) => watched(once(() => store.list(request))),
    discard: ({ scope, key }) => watched(once(() => store.resolve({ scope, key, settlement: { as: "not-executed" } }))),
    purge: (request) => watched(call("purge", { scope: "", key: undefined }, () => store.purge(request))),
    transact: (request, work) => bounded((run) => transactions().transact(request, run, whenLate(request)), work),
    transactUnkeyed: (work) => bounded((run) => transactions().transactUnkeyed(run, onError), work),
    transactStep: (request, work) =>
      bounded((run) => transactions().transactStep(request, run, whenLate(request)), work),
    awayMs: () => absence.ms,
    // The engine that is opened on it checks whether it is a store at all.
    moveMark: (store as Partial<TransactionalStore<Transaction>> | undefined)?.moveMark?.bind(store),
    enter: closedByTheLast(() => background.close()),
  };
}

/** The parts of a bounded store that claims use. */
interface ClaimParts {
  readonly store: Store;
  readonly call: CallStore;
  readonly unstored: ReturnType<typeof unstoredResults>;
  readonly openWithdrawals: () => ClaimWithdrawals;
  readonly goesOn: CheckedEngineOptions["goesOn"];
}

/** @returns a function that claims a key, and takes back what may have been granted where no work will run. */
function claiming({ store, call, unstored, openWithdrawals, goesOn }: ClaimParts): BoundedStore["claim"] {
  return (request) => {
    const sent: Promise<ClaimAnswer>[] = [];
    let isGivenUp = false;
    const isHere = unstored.has(request);
    // Its result is in this process and may still be stored, so no claim may take the key over.
    const claimed = isHere ? { ...request, takeOverAfterMs: undefined } : request;
    const ask = (): Awaitable<ClaimAnswer> => {
      const asking = rejectIfThrows(() => store.claim(claimed));
      if (!isPromise(asking) && sent.length === 0) return asking;
      const asked = Promise.resolve(asking);
      if (sent.push(asked) > 1) {
        asked.then(
          (answer) => isGivenUp || openWithdrawals().answeredAgain(named(request), sent, answer),
          () => undefined,
        );
      }
      return asked;
    };
    const answer = call("claim", request, ask, () => {
      isGivenUp = true;
      if (!goesOn) openWithdrawals().withdraw(named(request), sent);
    });
    if (!isHere) return answer;
    return isPromise(answer) ? answer.then(unstored.answer) : unstored.answer(answer);
  };
}

/** Has the last one that leaves close it. */
function closedByTheLast(close: () => Promise<void>): () => () => Promise<void> {
  let users = 0;
  return () => {
    let isIn = true;
    users += 1;
    return async () => {
      if (isIn) users -= 1;
      isIn = false;
      if (users === 0) await close();
    };
  };
}

/** A call that throws at once has failed like one that rejects. */
function rejectIfThrows<Answer>(ask: () => Awaitable<Answer>): Awaitable<Answer> {
  try {
    return ask();
  } catch (error) {
    return Promise.reject(error);
  }
}

/** Attempts at an operation; the second one settles a lost acknowledgement. */
const attemptsMax = 2;

/** Operations before the work: when one fails, nothing happened. */
const beforeTheWork: ReadonlySet<StoreOperation> = new Set(["claim", "purge"]);

/** Operations that store an effect that already happened: they are tried again as long as there is time. */
const untilTimeIsOver: ReadonlySet<StoreOperation> = new Set(["complete", "release", "checkpoint"]);

/** The error of a call before the work: nothing of this request happened. A record that can't be read may be that of an effect. */
const beforeWorkError = (error: unknown): OnceAgainError => recordFault(error) ?? storeUnavailableError(error);

/**
 * @returns a caller that answers at once where the store does. It throws when the store failed twice (for
 *   operations that store an effect: for as long as there was time) or did not answer within `storeMsMax`. Whether the
 *   operation was executed is then unknown. For operations before the work it throws `ONCE_STORE_UNAVAILABLE`, or
 *   `ONCE_RECORD_BROKEN` or `ONCE_SEAL_BROKEN` as the store does, and for all others `ONCE_RESULT_UNCONFIRMED`.
 */
function storeCalls(
  { clock, deadlines, random, storeMsMax, onEvent }: CheckedEngineOptions,
  absence: Absence,
): CallStore {
  const backoff = exponentialBackoff({ baseMs: 20, capMs: 500, jitter: equalJitter() });

  /** After the first answer failed, for as long as there is time. */
  const askAgain = <Answer>(
    operation: StoreOperation,
    ask: () => Awaitable<Answer>,
    failed: Promise<Answer>,
    timeoutMs: number,
  ): Promise<Answer> => {
    const attempts = untilTimeIsOver.has(operation) ? Number.MAX_SAFE_INTEGER : attemptsMax;
    const policy = retryPolicy<Answer>({ attemptsMax: attempts, backoff, timeoutMs, clock, random });
    return runRetry(({ number }) => (number === 1 ? failed : ask()), policy);
  };
  return (operation, { scope, key }, ask, whenFailed) => {
    const answer = rejectIfThrows(ask);
    if (!isPromise(answer)) {
      absence.answered();
      if (onEvent !== undefined) notify(onEvent, { type: "store-answered", scope, key, operation, elapsedMs: 0 });
      return answer;
    }
    const startedAt = clock.monotonic();
    const answered = <Answer>(value: Answer): Answer => {
      absence.answered();
      if (onEvent === undefined) return value;
      const elapsedMs = clock.monotonic() - startedAt;
      notify(onEvent, { type: "store-answered", scope, key, operation, elapsedMs });
      return value;
    };
    const failed = (error: unknown): never => {
      noteFailure(absence, error);
      notify(onEvent, { type: "store-failed", scope, key, operation, error });
      whenFailed?.();
      throw beforeTheWork.has(operation) ? beforeWorkError(error) : resultUnconfirmedError(error);
    };
    return answerBefore(deadlines.store, storeMsMax, answer, storeLateError).then(answered, (error: unknown) => {
      const leftMs = startedAt + storeMsMax - clock.monotonic();
      // A record that can't be read now can't be read in a moment either.
      return leftMs < 1 || recordFault(error) !== undefined
        ? failed(error)
        : askAgain(operation, ask, answer, leftMs).then(answered, failed);
    });
  };
}

/** For how long at most an absence counts without another failure, milliseconds: callers who are turned away come back sooner. */
const silenceMsMax = 60_000;

/** Measures for how long something has not answered, such as a store: from its first failure to its next answer. */
export class Absence {
  readonly #clock: Clock;
  #since: number | undefined;
  #failedAt = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  answered(): void {
    this.#since = undefined;
  }

  failed(): void {
    if (this.ms === 0) this.#since = this.#clock.monotonic();
    this.#failedAt = this.#clock.monotonic();
  }

  /** For how long, milliseconds; 0 where it answered last, and after a minute without a failure. */
  get ms(): number {
    const now = this.#clock.monotonic();
    return this.#since === undefined || now - this.#failedAt > silenceMsMax ? 0 : now - this.#since;
  }
}

/** A store has answered where its record can't be read. */
function noteFailure(absence: Absence, error: unknown): void {
  if (recordFault(error) === undefined) absence.failed();
  else absence.answered();
}

/** Operations with a result in the memory of this process alone, as long as the store takes no writes. */
function unstoredResults() {
  const counts = new Map<string, number>();
  return {
    has: (name: RecordName): boolean => counts.size > 0 && counts.has(recordId(name)),
    add(name: RecordName): () => void {
      const id = recordId(name);
      counts.set(id, (counts.get(id) ?? 0) + 1);
      return () => {
        const left = (counts.get(id) ?? 0) - 1;
        if (left > 0) counts.set(id, left);
        else counts.delete(id);
      };
    },
    /** The store sees an abandoned operation. Its outcome is known here and will be stored, so it still counts as running. */
    answer: (answer: ClaimAnswer): ClaimAnswer =>
      answer.kind === "abandoned" ? { kind: "in-progress", leaseMsLeft: 0 } : answer,
  };
}

/** @returns a function that sends the end of an attempt again until the store has confirmed it. */
function settlingInBackground({ store, options, once, background, unstored }: BackgroundContext) {
  const { leaseMs, onError } = options;
  const pauseMsMax = Math.min(30_000, leaseMs / 3);
  return (owned: ReleaseRequest, ask: () => Awaitable<boolean>, result?: Uint8Array): void => {
    const onEnd = result === undefined ? undefined : unstored.add(owned);
    const isQueued = background.add({
      onEnd,
      bytes: result?.length ?? 0,
      pauseMsMax,
      ask: async () => {
        try {
          await once(ask);
          return true;
        } catch {
          // Its result is in this process, so its lease must not run out.
          if (result !== undefined && !background.isClosed())
            await once(() => store.renew({ ...named(owned), leaseMs }));
          return false;
        }
      },
    });
    if (isQueued) return;
    onEnd?.();
    onError(resultUnconfirmedError(undefined), aboutOperation(owned));
  };
}

/** Listeners for uses of a transaction after its end, by its operation. */
function lateUses(onError: ErrorListener): (operation: RecordName) => OnLateUse {
  return (operation) => (error) => onError(error, aboutOperation(operation));
}

/** The names of an operation, for an error about it. */
function aboutOperation({ scope, key }: RecordName): ErrorSubject {
  return { room: "operation", scope, key };
}

function named({ scope, key, owner }: ReleaseRequest): ReleaseRequest {
  return { scope, key, owner };
}

/**
 * Runs a transaction of a store and waits for the store no longer than `msMax`, once for the transaction and once for
 * its end. How long the work inside takes is not counted. When its transaction begins too late, the work does not run,
 * and the error that is thrown instead makes the store roll the transaction back.
 *
 * @param begin runs the work that it is given in a transaction of the store.
 * @param onGivenUp receives the store's own promise when it is no longer awaited.
 */
function transactWithin<Transaction, Ending, Answer>(
  { clock, msMax, absence }: { clock: Clock; msMax: number; absence: Absence },
  begin: (work: (transaction: Transaction) => Promise<Ending>) => Promise<Answer>,
  work: (transaction: Transaction) => Promise<Ending>,
  onGivenUp: (call: Promise<unknown>) => void,
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    let error: OnceAgainError | undefined;
    let hasBegun = false;
    const giveUp = (): void => {
      error = storeLateError(msMax);
      absence.failed();
      onGivenUp(answered);
      reject(error);
    };
    let cancel = clock.timer(msMax, giveUp);
    const runInTime = async (transaction: Transaction): Promise<Ending> => {
      if (error !== undefined) throw error;
      cancel();
      hasBegun = true;
      absence.answered();
      try {
        return await work(transaction);
      } finally {
        cancel = clock.timer(msMax, giveUp);
      }
    };
    // A store that throws at once has failed like one that rejects.
    const answered = (async () => begin(runInTime))();
    answered.then(
      (answer) => {
        cancel();
        if (error === undefined) absence.answered();
        resolve(answer);
      },
      (fault: unknown) => {
        cancel();
        // One that has begun may have failed by its work.
        if (error === undefined && !hasBegun) noteFailure(absence, fault);
        reject(fault);
      },
    );
  });
}

function transactional<Transaction>(store: Store): TransactionalStore<Transaction> {
  if ("transact" in store) return store as TransactionalStore<Transaction>;
  throw new OnceAgainError(
    "ONCE_UNSAFE_PAIR",
    "A transaction step needs a store in the database that it writes to. Use such a store, or another kind of step.",
  );
}
