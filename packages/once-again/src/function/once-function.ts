import { OnceAgainError } from "../core/errors.ts";
import { invalidOptionError } from "../core/options.ts";
import type { OnceOperation, Outcome, Work } from "../engine/engine.ts";
import { openEngine } from "../engine/open-engine.ts";
import { type LambdaContext, remainingMs } from "../engine/time-left.ts";
import { callResultCodec, type StoredCallResult } from "./call-result.ts";
import { fingerprintOfCall, keyOfCall } from "./call-operation.ts";
import { type Called, checkFunctionRules, type FunctionExecution, type FunctionOptions } from "./function-options.ts";
import { type FunctionCall, runFunction } from "./run-function.ts";
import { reserveScope } from "./unique-scopes.ts";

/** A function that runs once for each key. */
export interface OnceFunction<Args extends readonly unknown[], Result> {
  /**
   * Runs the function, unless it ran before with this key: then it returns what that call returned.
   *
   * @throws what the function throws, and OnceAgainError:
   *   `ONCE_IN_PROGRESS` while another call runs it; come back after `details.retryAfterMs`.
   *   `ONCE_KEY_REUSED` when the key came with other arguments before.
   *   `ONCE_OUTCOME_UNKNOWN` when an earlier call ended without a word, and is held: see `onUnknown`.
   *   `ONCE_KEY_INVALID`, `ONCE_ARGUMENTS_UNFIT` for a call that can't be distinguished from others: nothing happened.
   *   `ONCE_RESULT_UNFIT`, `ONCE_RESULT_TOO_LARGE` when its result can't be stored.
   *   `ONCE_STORE_UNAVAILABLE`, `ONCE_RESULT_UNCONFIRMED`, `ONCE_HANDLER_TIMEOUT`, `ONCE_CLOSED` as the engine does.
   *   `ONCE_HANDLER_FAILED` when the function failed with an error of this library.
   */
  (...args: Args): Promise<Result>;
  /**
   * The same within an invocation of AWS Lambda: its remaining time bounds the call and its lease. So a repeat after the end of
   * the invocation need not wait for `leaseMs`, and with less than 100 ms left nothing begins (`ONCE_CLOSED`).
   *
   * @param context the context of the invocation; in a durable function its `lambdaContext`.
   * @throws as the call does; OnceAgainError `ONCE_OPTION_INVALID` for another context.
   * @example
   * ```ts
   * const chargeOnce = onceFunction({ store, scope: "charge", key: (order: Order) => order.id }, (_, order) => charge(order));
   * export const handler = async (order: Order, context: Context) => chargeOnce.within(context, order);
   * ```
   */
  within(context: LambdaContext, ...args: Args): Promise<Result>;
  /** Takes no new calls, and resolves when the running ones have ended and are stored. The store stays open. */
  close(): Promise<void>;
}

/**
 * Runs any function once for each key: a job of a queue, a scheduled task, a resolver, a handler of messages. Every
 * repeat, in this process or another one, gets the first result.
 *
 * The first argument of the function is the execution of its call; its own arguments follow. Write their types at
 * `key`, and the function has them too.
 *
 * @throws OnceAgainError `ONCE_OPTION_INVALID`, `ONCE_UNSAFE_PAIR`.
 * @example
 * ```ts
 * const order: Order = { id: "order-7", card: "tok_visa", amount: 420 };
 * const charge = onceFunction(
 *   { store, scope: "charge", key: (order: Order) => order.id },
 *   async ({ signal }, order) => payments.charge(order.card, order.amount, { signal }),
 * );
 * const receipt = await charge(order); // again with the same order: the same receipt, and no second charge
 * ```
 */
export function onceFunction<Args extends readonly unknown[], Result, Transaction = undefined, Stored = never>(
  options: FunctionOptions<Args, Result, Transaction, Stored>,
  fn: (execution: FunctionExecution<Transaction>, ...args: Args) => Result | Promise<Result>,
): OnceFunction<Args, Result> {
  const calls = openCalls(options, fn, { name: "onceFunction", argument: "fn" });
  const call = (args: Args, timeLeftMs?: number): Promise<Result> =>
    calls.call(args, (execution) => fn(execution, ...args), timeLeftMs);
  return Object.assign((...args: Args) => call(args), {
    within: async (context: LambdaContext, ...args: Args) => call(args, timeLeftMs(context)),
    close: () => calls.close(),
  });
}

function timeLeftMs(context: LambdaContext): number {
  const leftMs = remainingMs(context);
  if (leftMs !== undefined) return leftMs;
  const expected = "that of an invocation of AWS Lambda, or the lambdaContext of a durable function";
  throw invalidOptionError("context", expected, context);
}

/**
 * The calls of one function. `Bound`: what bounds a call, by default how long its process has left, milliseconds;
 * `undefined`: for ever.
 */
export interface FunctionCalls<Args extends readonly unknown[], Result, Transaction, Bound = number | undefined> {
  /**
   * Makes one call, unless it was made before.
   *
   * @param args by which calls are distinguished.
   */
  call(args: Args, run: FunctionCall<Transaction, Result>["run"], bound: Bound): Promise<Result>;
  close(): Promise<void>;
}

/** Runs the calls of a function. */
export interface CallEngine<Transaction, Bound> {
  run<Value>(operation: OnceOperation<Value>, bound: Bound, work: Work<Transaction, Value>): Promise<Outcome<Value>>;
  /** Draws when a caller that is turned away shall come back, milliseconds. */
  readonly retryAfterMs: (leastMs: number) => number;
  close(): Promise<void>;
}

/**
 * Opens the calls of a function, for a room that gives it more than its arguments.
 *
 * @param fn reserves the scope: another function can't have it.
 * @throws OnceAgainError `ONCE_OPTION_INVALID`, `ONCE_UNSAFE_PAIR`.
 */
export function openCalls<Args extends readonly unknown[], Result, Transaction, Stored>(
  options: FunctionOptions<Args, Result, Transaction, Stored>,
  fn: unknown,
  called: Called,
): FunctionCalls<Args, Result, Transaction> {
  return openCallsOn(options, fn, called, () => {
    const { engine, retryAfterMs } = openEngine(options);
    return {
      retryAfterMs,
      run: (operation, timeLeftMs, work) => engine.run({ ...operation, timeLeftMs }, work),
      close: () => engine.close(),
    };
  });
}

/**
 * The same, on what a room opens when the options are checked.
 *
 * @throws OnceAgainError as `openCalls` does.
 */
export function openCallsOn<Args extends readonly unknown[], Result, Transaction, Stored, Bound>(
  options: FunctionOptions<Args, Result, Transaction, Stored>,
  fn: unknown,
  called: Called,
  open: () => CallEngine<Transaction, Bound>,
): FunctionCalls<Args, Result, Transaction, Bound> {
  const rules = checkFunctionRules(options, called);
  if (typeof fn !== "function") throw invalidOptionError(called.argument, "a function", fn);
  const engine = open();
  const { scope, reconcile, quiesceMs } = rules;
  const refusing = { scope, retryAfterMs: () => engine.retryAfterMs(rules.retryAfterMs) };
  const leaveScope = reserveScope(options.store, scope, fn);
  const codec = callResultCodec(rules);
  return {
    async call(args, run, bound) {
      const key = keyOfCall(rules, args);
      const operation = { scope, key, codec, fingerprint: await fingerprintOfCall(rules, args) };
      const made: FunctionCall<Transaction, Result> = {
        run,
        reconcile: reconcile && ((execution) => reconcile(execution, ...args)),
        quiesceMs,
      };
      const outcome = await engine.run(operation, bound, (execution) => runFunction(rules, made, execution));
      return resultOf(outcome, key, refusing);
    },
    async close() {
      await engine.close();
      leaveScope();
    },
  };
}

/**
 * The end of a call, as its caller sees it.
 *
 * @param retryAfterMs draws when to come back, milliseconds.
 */
export function resultOf<Result>(
  outcome: Outcome<StoredCallResult<Result>>,
  key: string,
  { scope, retryAfterMs: drawMs }: { readonly scope: string; readonly retryAfterMs: () => number },
): Result {
  const named = `The call of "${scope}" with the key "${key}"`;
  switch (outcome.kind) {
    case "executed":
    case "replayed": {
      const { callResult } = outcome.result;
      if (callResult.kind === "threw") throw callResult.error;
      return callResult.value;
    }
    case "in-progress": {
      const retryAfterMs = drawMs();
      throw new OnceAgainError("ONCE_IN_PROGRESS", `${named} is still running. Come back in ${retryAfterMs} ms.`, {
        details: { scope, key, retryAfterMs },
      });
    }
    case "mismatch":
      throw new OnceAgainError(
        "ONCE_KEY_REUSED",
        `${named} was made before with other arguments. Another operation needs another key.`,
        { details: { scope, key } },
      );
    case "outcome-unknown":
      throw new OnceAgainError(
        "ONCE_OUTCOME_UNKNOWN",
        `${named} ended without a word before, so it may or may not have happened. It is held until a person has ` +
          "looked; don't make it under another key.",
        { details: { scope, key } },
      );
  }
}
