import { hasMethod, wrongClientError } from "../core/duck-typing.ts";
import { checkResultBytesMax } from "../engine/options.ts";
import type { Store } from "../stores/store.ts";
import { logError } from "../core/error-log.ts";
import { type ErrorListener, type ErrorSubject, notify } from "../core/listener.ts";
import { checkNames, type OptionNames } from "../core/option-names.ts";
import { checkChoice, checkFunction, checkNumber, invalidOptionError } from "../core/options.ts";
import type { Codec, Execution, Reconciled } from "../engine/engine.ts";
import { nameProblem } from "../key/key.ts";
import { engineOptionNames, type EngineOptions, type LeasedMode, type Mode } from "../engine/options.ts";

/** The execution that a function gets as its first argument. */
export interface FunctionExecution<Transaction = undefined> extends Execution<Transaction> {
  readonly key: string;
}

/**
 * Finds out whether a call happened, before it runs again after an attempt that ended without a result. It must have no
 * effect itself, and an error that it throws leaves the outcome unknown.
 */
export type ReconcileCall<Args extends readonly unknown[], Result> = (
  execution: FunctionExecution,
  ...args: Args
) => Promise<Reconciled<Result>>;

/** Errors that are a function's last word: they are stored, and thrown again at every repeat. */
export interface Refusals<Stored> {
  /** The stored form of an error, as JSON; `undefined` for one that is no refusal. */
  readonly encode: (error: unknown) => Stored | undefined;
  /** The error that a repeat throws, made of what is stored. */
  readonly decode: (stored: Stored) => unknown;
}

/** The rules that functions and the tools of MCP have in common. */
export interface CallRules extends Omit<EngineOptions, "onUnknown"> {
  /**
   * Which errors say that nothing happened, as `NoEffectError` does: the key is released, and a repeat runs afresh.
   * Default none.
   */
  readonly hadNoEffect?: ((error: unknown) => boolean) | undefined;
  /**
   * The largest result that is stored, bytes: at least 1024, and at most what the store takes (`store.resultBytesMax`, less 64);
   * default 1 MiB, or what the store takes where that is less. See `ONCE_RESULT_TOO_LARGE`.
   */
  readonly resultBytesMax?: number | undefined;
  /**
   * When to come back at the earliest, milliseconds, 0 or more; default 1000. Each refusal says another time (a function's in
   * `details.retryAfterMs`), by chance: up to three times as long, at most 2 s longer, and more while the store is away.
   */
  readonly retryAfterMs?: number | undefined;
}

/** How one function keeps its promise. */
export interface FunctionRules<Args extends readonly unknown[], Result, Stored = never> extends CallRules {
  /**
   * The name of this function in the store, 1 to 255 characters. Each function needs another scope: two functions in one
   * would return each other's results. It stays the same for as long as calls may be repeated, whatever becomes of
   * the function's name.
   */
  readonly scope: string;
  /**
   * Names the operation that a call is a repeat of: the same in every repeat, and another one for every other operation,
   * 1 to 255 characters. It is made of what the caller was given, such as the id of an order or of a job, and never of
   * chance or of the time at which it is called. Where tenants choose their ids themselves, the tenant is a part of it.
   */
  readonly key: (...args: Args) => string;
  /**
   * Defines when two calls with one key are the same operation:
   *
   * - `"arguments"` (default): all arguments, as JSON. A call with arguments that JSON would change is refused.
   * - a function that returns the parts of them that count, as JSON.
   * - `"key"`: nothing but the key. Whatever the arguments, a repeat gets the first result.
   */
  readonly fingerprint?: "arguments" | "key" | ((...args: Args) => unknown) | undefined;
  /**
   * Treatment of a call with an unknown outcome (the function threw, its process crashed or lost its lease):
   *
   * - `"hold"` (default): never run it again. Every repeat throws `ONCE_OUTCOME_UNKNOWN` until a person settles it.
   * - `"rerun"`: run it again. At least once, so only for effects that are idempotent, or keyed further down.
   * - `"finish"`: run it again, to finish it. All effects of the function are in steps, so what is done is not done again.
   *   One of the `refusals` that comes after a step is not stored either: a repeat continues where it stopped.
   * - a function that looks the effect up, and says whether it happened: see `ReconcileCall`.
   *
   * In transactional mode this never arises: a rollback proves that nothing happened.
   */
  readonly onUnknown?: "hold" | "rerun" | "finish" | ReconcileCall<Args, NoInfer<Result>> | undefined;
  /**
   * Which errors are the function's last word: they are stored, and thrown again at every repeat. In transactional mode,
   * what the function wrote is rolled back first. Default none.
   */
  readonly refusals?: Refusals<Stored> | undefined;
  /**
   * How results are stored; default JSON, which refuses what it would not give back as it is (see `ONCE_RESULT_UNFIT`).
   * The first call returns what repeats will: the result, encoded and decoded.
   */
  readonly codec?: Codec<NoInfer<Result>> | undefined;
}

/** Options of a function, in either mode. */
export type FunctionOptions<Args extends readonly unknown[], Result, Transaction, Stored = never> = FunctionRules<
  Args,
  Result,
  Stored
> &
  Mode<Transaction>;

/** Function rules, checked, with every default filled in. */
export interface CheckedFunctionRules<Args extends readonly unknown[], Result> extends CheckedCallRules<
  ReconcileCall<Args, Result>
> {
  readonly scope: string;
  readonly key: (...args: Args) => unknown;
  readonly fingerprint: "arguments" | "key" | ((...args: Args) => unknown);
  readonly refusals: Refusals<unknown> | undefined;
  /** Missing where results are stored as JSON. */
  readonly codec: Codec<Result> | undefined;
  /** Never throws. */
  readonly onError: ErrorListener;
}

/** The common rules, checked, with every default filled in. */
export interface CheckedCallRules<Reconcile> {
  readonly transactional: boolean;
  readonly reconcile: Reconcile | undefined;
  readonly quiesceMs: number;
  readonly hadNoEffect: (error: unknown) => unknown;
  readonly resultBytesMax: number;
  readonly retryAfterMs: number;
}

export const callRuleNames: OptionNames<CallRules & LeasedMode & { scope: unknown; onUnknown: unknown }> = {
  ...engineOptionNames,
  store: true,
  mode: true,
  scope: true,
  hadNoEffect: true,
  resultBytesMax: true,
  retryAfterMs: true,
};

/** How much stands in front of a stored result at most, bytes: the line that says how the call ended. */
export const callHeadBytesMax = 64;

/** @throws OnceAgainError `ONCE_OPTION_INVALID` for the first option that makes no sense. */
export function checkCallRules<Reconcile extends (...facts: never[]) => unknown>(
  options: CallRules & {
    readonly mode?: "leased" | "transactional" | undefined;
    readonly onUnknown?: string | Reconcile | undefined;
    readonly store?: Store | undefined;
  },
): CheckedCallRules<Reconcile> {
  const { mode = "leased", onUnknown, quiesceMs = 0, retryAfterMs = 1000 } = options;
  return {
    transactional: checkChoice("mode", mode, ["leased", "transactional"]) === "transactional",
    reconcile: typeof onUnknown === "function" ? onUnknown : undefined,
    quiesceMs,
    hadNoEffect: checkFunction("hadNoEffect", options.hadNoEffect) ?? (() => false),
    resultBytesMax: checkResultBytesMax("resultBytesMax", options.resultBytesMax, options.store, callHeadBytesMax),
    retryAfterMs: checkNumber("retryAfterMs", retryAfterMs, { min: 0 }),
  };
}

const names: OptionNames<FunctionRules<[], unknown, unknown> & LeasedMode> = {
  ...callRuleNames,
  key: true,
  fingerprint: true,
  refusals: true,
  codec: true,
};

/** The function that a user called, for errors: its name, that of its second argument, and its options beside those of functions. */
export interface Called {
  readonly name: string;
  readonly argument: string;
  readonly others?: Readonly<Record<string, true>> | undefined;
  /** Options of functions that it does not take. */
  readonly without?: readonly string[] | undefined;
}

/** @throws OnceAgainError `ONCE_OPTION_INVALID` for the first option that makes no sense. */
export function checkFunctionRules<Args extends readonly unknown[], Result, Transaction, Stored>(
  options: FunctionOptions<Args, Result, Transaction, Stored>,
  { name, others, without = [] }: Called,
): CheckedFunctionRules<Args, Result> {
  if (hasMethod(options, "claim"))
    throw wrongClientError("options", "an object such as { store, scope, key }", options);
  const known = Object.entries({ ...names, ...others }).filter(([one]) => !without.includes(one));
  checkNames(name, options, Object.fromEntries(known));
  const { scope, key, codec } = options;
  const problem = nameProblem(scope);
  if (problem !== undefined)
    throw invalidOptionError("scope", "the name of this function, a string that no other function has", scope);
  if (typeof key !== "function") throw invalidOptionError("key", "a function of the arguments", key);
  if (codec !== undefined && !(hasMethod(codec, "encode") && hasMethod(codec, "decode"))) {
    throw invalidOptionError("codec", "an object { encode, decode }", codec);
  }
  return Object.freeze({
    scope,
    key,
    fingerprint: checkFingerprint(options.fingerprint ?? "arguments"),
    ...checkCallRules(options),
    refusals: checkRefusals(options.refusals),
    codec,
    onError: (error: unknown, about?: ErrorSubject) => notify(options.onError ?? logError, error, about),
  });
}

function checkFingerprint<Covered>(covered: "arguments" | "key" | Covered): "arguments" | "key" | Covered {
  if (covered === "arguments" || covered === "key" || typeof covered === "function") return covered;
  throw invalidOptionError("fingerprint", '"arguments", "key" or a function of the arguments', covered);
}

function checkRefusals<Stored>(refusals: Refusals<Stored> | undefined): Refusals<unknown> | undefined {
  if (refusals === undefined) return undefined;
  if (hasMethod(refusals, "encode") && hasMethod(refusals, "decode")) return refusals as Refusals<unknown>;
  throw invalidOptionError("refusals", "an object { encode, decode }", refusals);
}
