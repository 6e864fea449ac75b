import { checkNames, type OptionNames } from "../core/option-names.ts";
import { checkNumber } from "../core/options.ts";
import { type Random, uniform } from "../core/random.ts";
import { equalJitter, type Jitter } from "./jitter.ts";

/** The facts that a backoff may use. */
export interface BackoffContext {
  /** Which retry is to come, 1-based: retry 1 is the second attempt. */
  readonly retry: number;
  /** The delay that this backoff returned for the retry before, in milliseconds; 0 before the first retry. */
  readonly previousDelayMs: number;
  /** Where chance comes from. */
  readonly random: Random;
}

/**
 * How long to wait before a retry, in milliseconds: a finite number, 0 or more. Your own function is a backoff too.
 * Those of this file clamp to the cap first and randomise after, so that no crowd gathers exactly at the cap; what a
 * jitter adds beyond the cap is taken off below it.
 */
export type Backoff = (context: BackoffContext) => number;

/** The options that the growing backoffs have in common. */
export interface BackoffOptions {
  /** The delay before the first retry, in milliseconds: 1 to 2^31 - 1, default 1,000. */
  readonly baseMs?: number | undefined;
  /** No delay grows over this, in milliseconds: `baseMs` to 2^31 - 1, default 30,000. */
  readonly capMs?: number | undefined;
  /** How the clamped delay is spread; default {@link equalJitter}. */
  readonly jitter?: Jitter | undefined;
}

/** Chosen by the simulator: `npm run bench:defaults`. */
const defaultJitter = equalJitter();

/** 2^31 - 1: the longest delay that a JavaScript timer takes, 24.8 days. */
const delayMsMax = 2_147_483_647;

const baseMsBounds = { min: 1, max: delayMsMax };
/** The bounds of `capMs` depend on `baseMs`: see `readRange`. */
const rangeNames: OptionNames<Omit<BackoffOptions, "jitter">> = { baseMs: baseMsBounds, capMs: true };
const growingNames: OptionNames<BackoffOptions> = { baseMs: baseMsBounds, capMs: true, jitter: "function" };

/**
 * v(n) = min(cap, base * factor^(n - 1)): up to 1, 2, 4, 8 s before retries 1 to 4 with the defaults, and at least half of that.
 *
 * @param options.factor how much longer each delay is than the one before: 1 to 100, default 2.
 * @throws OnceAgainError `ONCE_OPTION_INVALID` for an option out of bounds.
 */
export function exponentialBackoff(options: ExponentialOptions = {}): Backoff {
  checkNames("exponentialBackoff", options, { ...growingNames, factor: { min: 1, max: 100 } });
  return exponential(options);
}

interface ExponentialOptions extends BackoffOptions {
  readonly factor?: number | undefined;
}

/** The same for options that need no check: what is a default of others does not bring the checks along. */
export function exponential(options: ExponentialOptions): Backoff {
  const { factor = 2 } = options;
  return growingBackoff(options, (retry, baseMs) => baseMs * factor ** (retry - 1));
}

/**
 * v(n) = min(cap, base * n): 1, 2, 3, 4 s with the defaults, before jitter.
 *
 * @throws OnceAgainError `ONCE_OPTION_INVALID` for an option out of bounds.
 */
export function linearBackoff(options: BackoffOptions = {}): Backoff {
  checkNames("linearBackoff", options, growingNames);
  return growingBackoff(options, (retry, baseMs) => baseMs * retry);
}

/**
 * v(n) = min(cap, base * F(n)): 1, 1, 2, 3, 5, 8 s with the defaults, before jitter.
 *
 * @throws OnceAgainError `ONCE_OPTION_INVALID` for an option out of bounds.
 */
export function fibonacciBackoff(options: BackoffOptions = {}): Backoff {
  checkNames("fibonacciBackoff", options, growingNames);
  return growingBackoff(options, (retry, baseMs, capMs) => {
    let [delayMs, nextMs] = [baseMs, baseMs];
    for (let step = 1; step < retry && delayMs < capMs; step += 1) [delayMs, nextMs] = [nextMs, delayMs + nextMs];
    return delayMs;
  });
}

/**
 * v(n) = `delayMs`, whatever the retry.
 *
 * @param options.delayMs the delay before jitter, in milliseconds: 0 to 2^31 - 1.
 * @param options.jitter how it is spread; default {@link equalJitter}.
 * @throws OnceAgainError `ONCE_OPTION_INVALID` for a delay out of bounds.
 */
export function constantBackoff(options: { readonly delayMs: number; readonly jitter?: Jitter | undefined }): Backoff {
  checkNames("constantBackoff", options, { delayMs: true, jitter: "function" });
  const delayMs = checkNumber("delayMs", options.delayMs, { min: 0, max: delayMsMax });
  const jitter = options.jitter ?? defaultJitter;
  return ({ random }) => reflectBelow(delayMsMax, jitter(delayMs, random), random);
}

/**
 * U(base, min(cap, 3 * previous)): each delay is drawn from a range that the delay before it opens, which is jitter
 * enough. The cap bounds the range and not the draw: clamping the draw would pile callers up at the cap.
 *
 * @throws OnceAgainError `ONCE_OPTION_INVALID` for an option out of bounds.
 */
export function decorrelatedBackoff(options: Omit<BackoffOptions, "jitter"> = {}): Backoff {
  checkNames("decorrelatedBackoff", options, rangeNames);
  const { baseMs, capMs } = readRange(options);
  return ({ previousDelayMs, random }) =>
    uniform(random, baseMs, Math.min(capMs, 3 * Math.max(baseMs, previousDelayMs)));
}

/** A backoff from its law of growth: the delay before retry n, which may overflow, since the cap comes after it. */
function growingBackoff(
  options: BackoffOptions,
  growth: (retry: number, baseMs: number, capMs: number) => number,
): Backoff {
  const { baseMs, capMs } = readRange(options);
  const jitter = options.jitter ?? defaultJitter;
  return ({ retry, random }) =>
    reflectBelow(capMs, jitter(Math.min(capMs, growth(retry, baseMs, capMs)), random), random);
}

/** A jittered delay that went over the cap, as far below it instead: so the cap holds, and delays don't gather at it. */
function reflectBelow(capMs: number, delayMs: number, random: Random): number {
  if (!(delayMs > capMs) || delayMs === Infinity) return delayMs;
  return delayMs <= 2 * capMs ? 2 * capMs - delayMs : uniform(random, 0, capMs);
}

function readRange({ baseMs = 1000, capMs = Math.max(baseMs, 30_000) }: BackoffOptions) {
  return { baseMs, capMs: checkNumber("capMs", capMs, { min: baseMs, max: delayMsMax }) };
}
