import { hash } from "node:crypto";
import { logError } from "../../core/error-log.ts";
import { OnceAgainError } from "../../core/errors.ts";
import { notify } from "../../core/listener.ts";
import { checkChoice, checkFunction, checkNumber, invalidOptionError, requireBoolean } from "../../core/options.ts";
import { type DurableEngine, openDurableEngine } from "../../engine/durable-engine.ts";
import { isSetupFault } from "../../engine/engine.ts";
import type { LeasedMode } from "../../engine/options.ts";
import { checkedSecret } from "../../engine/steps.ts";
import type { FunctionExecution, FunctionOptions, FunctionRules } from "../../function/function-options.ts";
import { type CallEngine, openCallsOn } from "../../function/once-function.ts";
import { deriveKey } from "../../key/index.ts";
import type { RecordName } from "../../stores/store.ts";
import { executionArnOf, type LambdaFunction, withErrorTypes } from "./invocation.ts";

/** The options that bound a handler in one process: a durable execution goes on in the next one. */
const ofOneProcess = ["leaseMs", "handlerMsMax", "quiesceMs", "checkpointBytesMax"] as const;

/** How a durable function keeps its promise: as any function, and as long as its durable execution lasts. */
export interface DurableOptions<Event, Result, Stored = never>
  extends Omit<FunctionRules<[event: Event], Result, Stored>, "onUnknown" | (typeof ofOneProcess)[number]>, LeasedMode {
  /**
   * Treatment of a key with an owner that ended without a result, since its handler threw, or Lambda ended it:
   *
   * - `"hold"` (default): never run it again. Another durable execution fails with `ONCE_OUTCOME_UNKNOWN` until a person settles it.
   * - `"rerun"`: another durable execution runs it from the beginning. Its steps have the same keys (`stepKey`) as those before.
   */
  readonly onUnknown?: "hold" | "rerun" | undefined;
  /**
   * How long a durable execution owns its key, counted from its last invocation: whole milliseconds, 1000 to 366 days; default 366
   * days, the longest that Lambda has. Give it the function's own `ExecutionTimeout`: of an execution that Lambda stopped or timed
   * out, nothing in the function runs any more, so its key is "in progress" until then, unless `hasEnded` says otherwise.
   */
  readonly executionMsMax?: number | undefined;
  /**
   * Asks Lambda whether a durable execution has ended, whichever way, and will not go on: `GetDurableExecution`. It is asked
   * when another execution has found the key in progress. Default: nothing is asked.
   */
  readonly hasEnded?: ((executionArn: string) => Promise<boolean> | boolean) | undefined;
}

/** The operation that a durable function executes. It is the same in each replay. */
export interface DurableExecution extends Pick<
  FunctionExecution,
  "key" | "scope" | "attempt" | "fence" | "abandoned" | "noEffect"
> {
  /**
   * Derives the key for the effect of a step: the same in each attempt at the step, in each replay, and where another durable
   * execution runs the operation again. Give each step another name. Needs the option `secret`.
   *
   * @throws OnceAgainError `ONCE_OPTION_INVALID` without `secret`, or for an empty name.
   */
  readonly stepKey: (name: string) => Promise<string>;
}

const executionMsMaxOfLambda = 366 * 86_400_000;

/**
 * Makes a durable function of AWS Lambda run each event once, by the key that you name. The durable execution that comes first owns
 * the key until it ends, for up to a year: a replay continues its claim, and another execution with the same key is "in progress",
 * and then gets the result.
 *
 * `withDurableExecution(…)` of AWS' SDK goes around it. Its options are those of `onceFunction` in leased mode, but for those that
 * bound a handler in one process. `close()` waits for no execution: one that is suspended ends in another process.
 *
 * @throws OnceAgainError `ONCE_OPTION_INVALID`, `ONCE_UNSAFE_PAIR`. The function throws as one of `onceFunction` does, and the
 *   durable execution fails with it. After `ONCE_STORE_UNAVAILABLE` and `ONCE_RESULT_UNCONFIRMED` it does not fail: Lambda invokes
 *   it again.
 * @example
 * ```ts
 * export const handler = withDurableExecution(
 *   onceDurable(
 *     { store, scope: "order", key: (order: Order) => order.id, secret },
 *     async (order, { stepKey }, context: DurableContext) => {
 *       await context.step("charge", async () => payments.charge(order, { idempotencyKey: await stepKey("charge") }));
 *       await context.wait({ days: 2 });
 *       return context.step("ship", async () => fulfil({ order, key: await stepKey("ship") }));
 *     },
 *   ),
 * );
 * ```
 */
export function onceDurable<
  Event,
  Result,
  // A `DurableContext` of AWS' SDK. It has no name, so that a user's declaration file needs none.
  Context extends { readonly executionContext: { readonly durableExecutionArn: string } } = {
    readonly executionContext: { readonly durableExecutionArn: string };
  },
  Stored = never,
>(
  options: DurableOptions<Event, Result, Stored>,
  handler: (event: Event, execution: DurableExecution, context: Context) => Result | Promise<Result>,
): LambdaFunction<Event, Result, Context> {
  const { executionMsMax = executionMsMaxOfLambda, hasEnded, ...rules } = options ?? {};
  const called = {
    name: "onceDurable",
    argument: "handler",
    others: { executionMsMax: true, hasEnded: true },
    without: ofOneProcess,
  } as const;
  const open = (): CallEngine<undefined, string> => {
    checkChoice("mode", rules.mode ?? "leased", ["leased"]);
    checkChoice("onUnknown", rules.onUnknown ?? "hold", ["hold", "rerun"]);
    checkNumber("executionMsMax", executionMsMax, { min: 1000, max: executionMsMaxOfLambda, integer: true });
    checkFunction("hasEnded", hasEnded);
    return executionsOn(openDurableEngine(rules, executionMsMax), options);
  };
  const functionOptions = options as FunctionOptions<[event: Event], Result, undefined, Stored>;
  const calls = openCallsOn(functionOptions, handler, called, open);
  const run = async (event: Event, context?: Context): Promise<Result> => {
    const arn = checkedArn(context);
    const interrupted = Promise.withResolvers<never>();
    const handle = async (execution: FunctionExecution): Promise<Result> => {
      try {
        return await handler(event, durableExecution(execution, options), context!);
      } catch (error) {
        if (!isInterruption(error)) throw error;
        interrupted.reject(error);
        return new Promise<never>(() => undefined);
      }
    };
    return Promise.race([calls.call([event], handle, arn), interrupted.promise]);
  };
  return Object.assign(withErrorTypes(run), { close: () => calls.close() });
}

function checkedArn(context: unknown): string {
  const arn = executionArnOf(context);
  if (arn !== undefined) return arn;
  const expected = "that of a durable function, withDurableExecution(onceDurable(…)); of any other take onceLambda(…)";
  throw invalidOptionError("context", expected, context);
}

function durableExecution(
  execution: FunctionExecution,
  options: Parameters<typeof checkedSecret>[0],
): DurableExecution {
  const { key, scope, attempt, fence, abandoned } = execution;
  return {
    ...{ key, scope, attempt, fence, abandoned },
    noEffect: () => execution.noEffect(),
    async stepKey(name) {
      if (typeof name !== "string" || name === "") throw invalidOptionError("name", "the name of a step", name);
      return deriveKey(checkedSecret(options), { scope, key, name });
    },
  };
}

/** Runs calls as durable executions, by their ARNs. */
function executionsOn(
  engine: DurableEngine,
  { hasEnded, onError = logError }: Pick<DurableOptions<never, unknown>, "hasEnded" | "onError">,
): CallEngine<undefined, string> {
  const run: CallEngine<undefined, string>["run"] = async (operation, arn, work) => {
    try {
      return await engine.run(operation, ownerToken(arn), work);
    } catch (error) {
      if (isPassing(error)) Object.assign(error, interruption);
      throw error;
    }
  };
  return {
    async run(operation, arn, work) {
      const outcome = await run(operation, arn, work);
      if (outcome.kind !== "in-progress" || hasEnded === undefined) return outcome;
      try {
        if (!(await endOwner(engine, operation, hasEnded))) return outcome;
      } catch (error) {
        notify(onError, error, { room: "function", scope: operation.scope, key: operation.key });
        return outcome;
      }
      return run(operation, arn, work);
    },
    retryAfterMs: engine.retryAfterMs,
    close: () => engine.close(),
  };
}

/** Ends the claim of a durable execution that has ended without ending it. @returns whether the key has an owner no more. */
async function endOwner(
  engine: DurableEngine,
  { scope, key }: RecordName,
  hasEnded: (executionArn: string) => Promise<boolean> | boolean,
): Promise<boolean> {
  const found = await engine.lookUp({ scope, key });
  if (found?.state !== "running") return true;
  const { owner } = found.record;
  if (owner.startsWith(hashed) || !requireBoolean("hasEnded()", await hasEnded(owner))) return false;
  return engine.abandon({ scope, key, owner });
}

/** A token of an owner, as stores take it. */
const token = /^[\u0021-\u007E]{1,255}$/;
const hashed = "sha256:";

/** The owner of a key for the store: the execution's ARN, which operators see and `hasEnded` is asked about, where it fits. */
function ownerToken(arn: string): string {
  return token.test(arn) ? arn : hashed + hash("sha256", arn, "hex");
}

/** By this mark AWS' SDK knows an error that ends an invocation, and not its execution: Lambda invokes it again. */
const interruption = { isUnrecoverableInvocation: true } as const;

function isInterruption(error: unknown): boolean {
  return error instanceof Error && (error as Partial<typeof interruption>).isUnrecoverableInvocation === true;
}

/** Whether the store failed in a way that passes: the execution may have the key, and finds out when it is invoked again. */
function isPassing(error: unknown): error is OnceAgainError {
  if (!OnceAgainError.isInstance(error) || isSetupFault(error)) return false;
  return error.code === "ONCE_STORE_UNAVAILABLE" || error.code === "ONCE_RESULT_UNCONFIRMED";
}
