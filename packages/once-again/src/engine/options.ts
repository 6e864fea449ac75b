import { hasMethod, wrongClientError } from "../core/duck-typing.ts";
import type { Clock } from "../core/clock.ts";
import { DeadlineTimer } from "../core/deadline-timer.ts";
import { logError } from "../core/error-log.ts";
import { OnceAgainError } from "../core/errors.ts";
import { type ErrorListener, type ErrorSubject, type Listener, notify } from "../core/listener.ts";
import { checkNames, type OptionNames, pickOptions } from "../core/option-names.ts";
import { checkChoice, checkClock, checkFunction, checkNumber, invalidOptionError } from "../core/options.ts";
import { type Random, systemRandom } from "../core/random.ts";
import { systemClock } from "../core/system-clock.ts";
import type { Store, TransactionalStore } from "../stores/store.ts";
import type { ServerEvent } from "./server-event.ts";

/** The settings that all operations of one engine share. */
export interface EngineOptions {
  /**
   * Treatment of an operation with an unknown outcome (its handler failed, crashed or lost its lease):
   *
   * - `"hold"` (default): never run it again. A failure that was sent is stored and replayed; after a crash every
   *   repeat gets "outcome unknown" until a person resolves it.
   * - `"rerun"`: run it again. At least once, so only for effects that are idempotent, or keyed further down.
   * - `"finish"`: run it again, to finish it. All effects of the handler are in steps, so what is done is not done again. A
   *   response of 400 to 499 that comes after a step is not stored either: a repeat goes on where it stopped.
   *
   * In transactional mode this never arises: a rollback proves that nothing happened.
   */
  readonly onUnknown?: "hold" | "rerun" | "finish" | undefined;
  /**
   * How long the lease of an attempt must be over before the operation is run again, milliseconds; default 0. Until then
   * repeats get "in progress". Give it where the first worker may still be alive when its lease is over, and its
   * effect does not check the fence. Above 0, a lease is never ended before its time under a worker that may be alive; 0
   * says that two workers at a time are no harm, and an operation that failed may run again at once.
   */
  readonly quiesceMs?: number | undefined;
  /** `"rerun"` and `"finish"` on a store that can lose claims are refused, unless this says that duplicates are no harm. */
  readonly acknowledgeDuplicates?: boolean | undefined;
  /** For the keys of `keyed` steps: 16 bytes or more, the same on every server. */
  readonly secret?: Uint8Array<ArrayBuffer> | undefined;
  /** How large the stored result of one step may be, bytes; default 64 KiB. */
  readonly checkpointBytesMax?: number | undefined;
  /** How long a worker owns a key without a sign of life, whole milliseconds, 100 to a day; default 30,000. */
  readonly leaseMs?: number | undefined;
  /**
   * How long a result is stored, whole milliseconds, longer than the lease, up to 100 years; default 24 hours. It counts from
   * the end of the operation: a key with a running operation or an unknown outcome is stored until it has a result.
   */
  readonly retentionMs?: number | undefined;
  /**
   * How long a key is stored that has no result, since its outcome is unknown: whole milliseconds, longer than the lease, up
   * to 100 years; default for ever, until a person settles it. **After this time the next repeat runs the operation again,
   * although it may have happened.** So give it only where a second effect is no harm, or where every repeat is over by then.
   * It counts from the last claim.
   */
  readonly heldRetentionMs?: number | undefined;
  /**
   * How long a repeat waits for a running operation before it gets "in progress", milliseconds, 0 or more; default 5000. A
   * browser sends a request again by itself, so the response that a person sees is often that of the repeat.
   */
  readonly waitMs?: number | undefined;
  /**
   * How long one call to the store may take, its retry included, milliseconds, 1 or more; default 5000. Of a transaction:
   * how long it may take to get it, and to end it.
   */
  readonly storeMsMax?: number | undefined;
  /**
   * How long a handler may work, milliseconds, 1 or more; default 300,000, as long as a caller of `retryingFetch` waits
   * by default. Then `execution.signal` aborts, the caller gets 504, and the handler is no longer awaited: a
   * transaction is rolled back, a lease is no longer renewed, and its outcome is unknown. `Infinity` is: no bound.
   */
  readonly handlerMsMax?: number | undefined;
  /** Called with each event of an operation. */
  readonly onEvent?: Listener<ServerEvent> | undefined;
  /**
   * Gets errors that an operator must know of: those that a handler or the store threw, since the caller gets a plain
   * 500, 503 or 504, and what a handler did after its operation had ended; default one line each by `console.error`, counted when they repeat.
   */
  readonly onError?: ErrorListener | undefined;
  /** Default the machine's clock. Leases are decided by the store's. */
  readonly clock?: Clock | undefined;
  /** Where chance comes from, for the waits between two calls of the store and for the times to come back; default the machine's. */
  readonly random?: Random | undefined;
}

/** The claim is stored before the work runs, its result after; the effect may be anywhere. */
export interface LeasedMode {
  readonly mode?: "leased" | undefined;
  readonly store: Store;
}

/** Key, effect and result commit in one transaction of the user's own database. */
export interface TransactionalMode<Transaction> {
  readonly mode: "transactional";
  readonly store: TransactionalStore<Transaction>;
}

/** Either mode. Work that needs a transaction fits the second alone. */
export type Mode<Transaction> = (undefined extends Transaction ? LeasedMode : never) | TransactionalMode<Transaction>;

/** Options of steps, checked. */
export interface StepOptions {
  /** For the keys of `keyed` steps: 16 bytes or more, the same on every server. */
  secret: Uint8Array<ArrayBuffer> | undefined;
  /** How large the stored result of a step may be, bytes. */
  checkpointBytesMax: number;
  /** How long a lease must be over before an operation runs again, milliseconds. */
  quiesceMs: number;
  /** Names an option in errors; default by its own name. */
  optionPath?: OptionPath | undefined;
}

/** Names an option of the engine as its caller writes it: a room may have it in a group, as `limits.storeMsMax`. */
export type OptionPath = (name: keyof EngineOptions) => string;

/** Engine options, checked, with every default filled in. */
export interface CheckedEngineOptions {
  /** Passed to every claim: `undefined` where abandoned operations are held. */
  readonly takeOverAfterMs: number | undefined;
  /** Whether an operation that was refused half-way is run again, too. */
  readonly finishes: boolean;
  readonly acknowledgeDuplicates: boolean;
  readonly steps: StepOptions;
  readonly leaseMs: number;
  readonly retentionMs: number;
  /** `undefined`: for ever. */
  readonly heldRetentionMs: number | undefined;
  readonly waitMs: number;
  readonly storeMsMax: number;
  readonly handlerMsMax: number;
  /** When work has to end at the latest, on the monotonic clock: the time before it, as for its claim, counts, too. */
  readonly workEndsAt?: number | undefined;
  /**
   * Whether each owner goes on in another process, where this one can't end its attempt: it asks the store again. Then a claim that
   * was given up is not withdrawn, and an end that failed is not sent again behind the caller's back: either could undo what
   * the owner did meanwhile.
   */
  readonly goesOn?: boolean | undefined;
  readonly onEvent: Listener<ServerEvent> | undefined;
  /** Never throws. */
  readonly onError: ErrorListener;
  readonly clock: Clock;
  /** On the same clock, each for one kind of limit that every operation has. */
  readonly deadlines: { readonly store: DeadlineTimer; readonly lease: DeadlineTimer; readonly handler: DeadlineTimer };
  readonly random: Random;
  readonly optionPath: OptionPath;
}

export const engineOptionNames: OptionNames<EngineOptions> = {
  onUnknown: true,
  quiesceMs: true,
  acknowledgeDuplicates: "boolean",
  secret: true,
  checkpointBytesMax: true,
  leaseMs: true,
  retentionMs: true,
  heldRetentionMs: true,
  waitMs: true,
  storeMsMax: true,
  handlerMsMax: true,
  onEvent: true,
  onError: true,
  clock: true,
  random: true,
};

/**
 * The options of the engine under a room, out of the room's own. Where a function looks outcomes up, the engine runs
 * operations again: it asks that function first.
 */
export function engineOptionsOf(
  given: Omit<EngineOptions, "onUnknown"> & {
    readonly onUnknown?: EngineOptions["onUnknown"] | ((...facts: never[]) => unknown);
  },
): EngineOptions {
  const { onUnknown, ...options } = given;
  const own: EngineOptions = pickOptions<EngineOptions>(options, engineOptionNames);
  if (typeof onUnknown !== "function") return onUnknown === undefined ? own : { ...own, onUnknown };
  return { ...own, onUnknown: "rerun", acknowledgeDuplicates: true };
}

const dayMs = 86_400_000;

/** How long a repeat waits for a running operation, wherever the user says nothing, milliseconds. */
export const defaultWaitMs = 5000;

/** How long to wait before asking the store again whether a running operation has ended, milliseconds. */
export const pollMs = 50;

/**
 * @param path names an option in errors; default its own name.
 * @throws OnceAgainError `ONCE_OPTION_INVALID` for the first option that makes no sense.
 */
export function checkEngineOptions(options: EngineOptions, path: OptionPath = (name) => name): CheckedEngineOptions {
  checkNames("The engine", options, engineOptionNames);
  const onUnknown = checkChoice(path("onUnknown"), options.onUnknown ?? "hold", ["hold", "rerun", "finish"]);
  const quiesceMs = checkNumber(path("quiesceMs"), options.quiesceMs ?? 0, { min: 0 });
  const checkpointBytesMax = checkNumber(path("checkpointBytesMax"), options.checkpointBytesMax ?? 65_536, { min: 1 });
  const leaseMs = checkNumber("leaseMs", options.leaseMs ?? 30_000, { min: 100, max: dayMs, integer: true });
  const clock = checkClock(options.clock) ?? systemClock;
  const onError = checkFunction("onError", options.onError) ?? logError;
  const retention = { min: leaseMs + 1, max: 36_525 * dayMs, integer: true };
  return Object.freeze({
    takeOverAfterMs: onUnknown === "hold" ? undefined : quiesceMs,
    finishes: onUnknown === "finish",
    acknowledgeDuplicates: options.acknowledgeDuplicates ?? false,
    steps: { secret: checkedSecret(options.secret, path), checkpointBytesMax, quiesceMs, optionPath: path },
    leaseMs,
    retentionMs: checkNumber(`retentionMs (longer than leaseMs, ${leaseMs})`, options.retentionMs ?? dayMs, retention),
    heldRetentionMs:
      options.heldRetentionMs === undefined
        ? undefined
        : checkNumber(
            `${path("heldRetentionMs")} (longer than leaseMs, ${leaseMs})`,
            options.heldRetentionMs,
            retention,
          ),
    waitMs: checkNumber("waitMs", options.waitMs ?? defaultWaitMs, { min: 0 }),
    storeMsMax: checkNumber(path("storeMsMax"), options.storeMsMax ?? 5000, { min: 1 }),
    handlerMsMax: checkNumber(path("handlerMsMax"), options.handlerMsMax ?? 300_000, { min: 1 }),
    onEvent: checkFunction("onEvent", options.onEvent),
    onError: (error: unknown, about?: ErrorSubject) => notify(onError, error, about),
    random: checkFunction("random", options.random) ?? systemRandom,
    optionPath: path,
    clock,
    deadlines: { store: new DeadlineTimer(clock), lease: new DeadlineTimer(clock), handler: new DeadlineTimer(clock) },
  });
}

function checkedSecret(
  secret: Uint8Array<ArrayBuffer> | undefined,
  path: OptionPath,
): Uint8Array<ArrayBuffer> | undefined {
  if (secret !== undefined) checkNumber(`${path("secret")}.length`, secret.length, { min: 16 });
  return secret;
}

/** The largest result that a room stores where neither its options nor its store say another, bytes. */
export const resultBytesMaxByDefault = 1_048_576;

/**
 * The largest result that a room stores, bytes: as its option says, or 1 MiB, or as much as its store takes where that is less.
 * A room that has run its work must not learn from the store that the result does not fit.
 *
 * @param name of the option, for errors.
 * @param headBytes how much the room stores in front of each result, bytes; default 0.
 * @throws OnceAgainError `ONCE_OPTION_INVALID` for an option beyond what the store takes.
 */
export function checkResultBytesMax(
  name: string,
  given: number | undefined,
  store: Partial<Pick<Store, "resultBytesMax">> | undefined,
  headBytes = 0,
): number {
  const storeMax = store?.resultBytesMax === undefined ? Infinity : store.resultBytesMax - headBytes;
  const bytesMax = checkNumber(name, given ?? Math.min(resultBytesMaxByDefault, storeMax), {
    min: 1024,
    integer: true,
  });
  if (bytesMax <= storeMax) return bytesMax;
  throw invalidOptionError(name, `at most ${storeMax}, since this store takes no larger result`, bytesMax);
}

/**
 * Refuses what is no store, and a store that can't hold what the options of a leased engine promise.
 *
 * @throws OnceAgainError `ONCE_OPTION_INVALID`, `ONCE_UNSAFE_PAIR`.
 */
export function checkLeasedStore(store: Store, options: CheckedEngineOptions): void {
  checkStore(store);
  const { survivesFailover, retentionMsMax = Infinity } = store;
  const { retentionMs, heldRetentionMs, takeOverAfterMs, acknowledgeDuplicates, optionPath } = options;
  if (retentionMs > retentionMsMax) {
    throw invalidOptionError(
      "retentionMs",
      `at most ${retentionMsMax}, since this store keeps nothing longer`,
      retentionMs,
    );
  }
  if ((heldRetentionMs ?? Infinity) > retentionMsMax) {
    throw invalidOptionError(
      optionPath("heldRetentionMs"),
      `at most ${retentionMsMax}, since this store removes every record then, held keys too. Give it a store that does not ` +
        "(a bucket of NATS without a ttl), or say with this option when a repeat may run an operation again that may have happened",
      heldRetentionMs,
    );
  }
  if (takeOverAfterMs === undefined || survivesFailover !== "no" || acknowledgeDuplicates) return;
  throw new OnceAgainError(
    "ONCE_UNSAFE_PAIR",
    'onUnknown "rerun" or "finish" on a store that can lose claims runs an operation again even while it runs. Use a ' +
      `store that survives failover, or say with ${optionPath("acknowledgeDuplicates")}: true that the effect is idempotent ` +
      "or keyed further down.",
  );
}

/**
 * Refuses what is no store, and a store that has no transactions to offer.
 *
 * @throws OnceAgainError `ONCE_OPTION_INVALID`, `ONCE_UNSAFE_PAIR`.
 */
export function checkTransactionalStore(store: Store): void {
  checkStore(store);
  if (hasMethod(store, "transact")) return;
  throw new OnceAgainError(
    "ONCE_UNSAFE_PAIR",
    "Transactional mode needs a store in the database that the handler writes to. Use postgresStore, mariadbStore or " +
      "sqliteStore there, or leased mode. On Bun.sql, postgresStore has leased mode alone: use pg or postgres.",
  );
}

function checkStore(store: unknown): void {
  if (!hasMethod(store, "claim")) throw wrongClientError("store", "a store of once-again", store);
}
