import type { Clock } from "../core/clock.ts";
import { OnceAgainError } from "../core/errors.ts";
import { onAbort } from "../core/on-abort.ts";

/** The attempt, as the operation that makes it sees it. */
export interface Attempt {
  /** 1 for the first attempt. */
  readonly number: number;
  /** Aborts when the attempt's time is over, or when the caller aborts. Hand it on to whatever can be cancelled. */
  readonly signal: AbortSignal;
  /** The time left until the deadline when this attempt began, in milliseconds; `undefined` without a deadline. */
  readonly remainingMs: number | undefined;
  /** `false`: running the operation twice means something else than once, so a layer must not repeat it by itself. */
  readonly repeatable?: boolean | undefined;
}

/** The function to retry: called once per attempt. */
export type Operation<T> = (attempt: Attempt) => Promise<T> | T;

/** How an attempt ended: with a value, or with an error. */
export type Outcome<T> = { readonly value: T } | { readonly error: unknown };

/** The limits that may end an attempt before the operation does, and the facts that the operation gets beside its number. */
export interface AttemptBounds {
  readonly attemptTimeoutMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly clock: Clock;
  /** Says whether its attempts are `repeatable`, at the moment of each; missing: nothing is known. */
  readonly repeats?: { readonly areSafe: boolean } | undefined;
}

/**
 * Makes one attempt, which ends with whatever comes first: the operation's end, the end of its time, the caller's abort.
 * It throws what the operation throws; what an abandoned operation does later is dropped.
 */
export function runAttempt<T>(
  operation: Operation<T>,
  number: number,
  remainingMs: number | undefined,
  { attemptTimeoutMs, clock, repeats, signal }: AttemptBounds,
): Promise<T> | T {
  const attempt = new LazyAttempt(number, remainingMs, repeats?.areSafe);
  if (signal === undefined && attemptTimeoutMs === undefined && remainingMs === undefined) {
    return operation(withOwnSignal(attempt));
  }
  const msMax = Math.min(attemptTimeoutMs ?? Infinity, remainingMs ?? Infinity);
  return within(operation, attempt, signal, msMax === Infinity ? undefined : { clock, msMax });
}

/** Runs the operation until it ends, until `signal` aborts, or until its time is over: whichever comes first. */
export function settleWithin<T>(
  operation: Operation<T>,
  { number, remainingMs, repeatable }: Omit<Attempt, "signal">,
  signal: AbortSignal | undefined,
  time?: AttemptTime,
): Promise<Outcome<T>> {
  return within(operation, new LazyAttempt(number, remainingMs, repeatable), signal, time).then(
    (value) => ({ value }),
    (error: unknown) => ({ error }),
  );
}

interface AttemptTime {
  readonly clock: Clock;
  readonly msMax: number;
}

function within<T>(
  operation: Operation<T>,
  attempt: LazyAttempt,
  signal: AbortSignal | undefined,
  time: AttemptTime | undefined,
): Promise<T> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason);
    if (time !== undefined && time.msMax <= 0) return reject(attemptTimeoutError(time.msMax));
    const stop = (): void => {
      cancelTimer?.();
      stopListening?.();
    };
    const cut = (error: unknown): void => {
      stop();
      reject(error);
      LazyAttempt.abort(attempt, error);
    };
    const stopListening = signal && onAbort(signal, () => cut(signal.reason));
    const cancelTimer = time?.clock.timer(time.msMax, () => cut(attemptTimeoutError(time.msMax)));
    begin(operation, attempt).then(
      (value) => {
        stop();
        resolve(value);
      },
      (error: unknown) => {
        stop();
        reject(error);
      },
    );
  });
}

/** Begins the operation. What it throws at once, its promise rejects with. */
function begin<T>(operation: Operation<T>, attempt: LazyAttempt): Promise<T> {
  try {
    return Promise.resolve(operation(withOwnSignal(attempt)));
  } catch (error) {
    return Promise.reject(error);
  }
}

/** Runs the operation to its end. Never rejects. */
export async function settle<T>(operation: Operation<T>, attempt: Attempt): Promise<Outcome<T>> {
  try {
    return { value: await operation(attempt) };
  } catch (error) {
    return { error };
  }
}

/** The value of an outcome; its error is thrown. */
export function valueOf<T>(outcome: Outcome<T>): T {
  if ("error" in outcome) throw outcome.error;
  return outcome.value;
}

/** The first attempt of an operation that nothing bounds. */
export function firstAttempt(): Attempt {
  return withOwnSignal(new LazyAttempt(1, undefined, undefined));
}

/**
 * An attempt with a lazy signal, made when it is first read, or aborted. Few operations read it, and making it costs more than
 * all the rest of a call that succeeds at once.
 */
class LazyAttempt implements Attempt {
  readonly number: number;
  readonly remainingMs: number | undefined;
  readonly repeatable: boolean | undefined;
  #controller: AbortController | undefined;

  constructor(number: number, remainingMs: number | undefined, repeatable: boolean | undefined) {
    this.number = number;
    this.remainingMs = remainingMs;
    this.repeatable = repeatable;
  }

  get signal(): AbortSignal {
    return (this.#controller ??= new AbortController()).signal;
  }

  static abort(attempt: LazyAttempt, reason: unknown): void {
    (attempt.#controller ??= new AbortController()).abort(reason);
  }
}

/**
 * The attempt as operations see it: its signal is an own property, so that `{ ...attempt }` has it too. A getter defined on
 * each object would do the same and cost more than the signal.
 */
function withOwnSignal(attempt: LazyAttempt): Attempt {
  return new Proxy(attempt, ownSignal);
}

const attemptNames: (keyof Attempt)[] = ["number", "signal", "remainingMs", "repeatable"];

const ownSignal: ProxyHandler<LazyAttempt> = {
  get: (attempt, name) => attempt[name as keyof Attempt],
  ownKeys: () => attemptNames,
  getOwnPropertyDescriptor(attempt, name) {
    if (name !== "signal") return Reflect.getOwnPropertyDescriptor(attempt, name);
    return { value: attempt.signal, enumerable: true, configurable: true, writable: true };
  },
};

/** Aborts with whichever of two does first. */
export function eitherSignal(one: AbortSignal | undefined, other: AbortSignal): AbortSignal {
  return one === undefined ? other : AbortSignal.any([one, other]);
}

/** The error of an attempt that took longer than it had. */
export function attemptTimeoutError(msMax: number): OnceAgainError {
  return new OnceAgainError(
    "ONCE_ATTEMPT_TIMEOUT",
    `The attempt took longer than ${Math.round(msMax)} ms. Whether it took effect is unknown.`,
  );
}
