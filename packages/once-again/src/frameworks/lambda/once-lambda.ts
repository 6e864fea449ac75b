import type { FunctionExecution, FunctionOptions } from "../../function/function-options.ts";
import { openCalls } from "../../function/once-function.ts";
import { type LambdaContext, lambdaFunction, type LambdaFunction, timeLeftMs } from "./invocation.ts";

/** A handler of events of any kind. */
export type EventHandler<Event, Result, Transaction, Context> = (
  event: Event,
  execution: FunctionExecution<Transaction>,
  context: Context,
) => Result | Promise<Result>;

/**
 * Makes a handler of AWS Lambda run each event once, by the key that you name. The function's own remaining time bounds
 * the handler and its lease: it ends before Lambda ends its process, and where Lambda does end it, or it dies, a repeat
 * finds the key held as `onUnknown` says, 2 seconds after its time at the latest.
 *
 * Its options are those of `onceFunction`. Events of known sources have functions that name their keys: `onceLambdaHttp`,
 * `onceSqs`, `onceKinesis`, `onceDynamodbStream`, `onceEventBridge`, `onceSns`, `onceS3`. A bundle has only those that it imports.
 *
 * @throws OnceAgainError `ONCE_OPTION_INVALID`, `ONCE_UNSAFE_PAIR`. The function throws as one of `onceFunction` does.
 * @example
 * ```ts
 * export const handler = onceLambda(
 *   { store, scope: "charge", key: (event: { orderId: string; amount: number }) => event.orderId },
 *   async (event, { key, signal }) => charge(event.amount, { idempotencyKey: key, signal }),
 * );
 * ```
 */
export function onceLambda<
  Event,
  Result,
  Transaction = undefined,
  Context extends LambdaContext = LambdaContext,
  Stored = never,
>(
  options: FunctionOptions<[event: Event], Result, Transaction, Stored>,
  handler: EventHandler<Event, Result, Transaction, Context>,
): LambdaFunction<Event, Result, Context> {
  const calls = openCalls(options, handler, { name: "onceLambda", argument: "handler" });
  const run = async (event: Event, context?: Context): Promise<Result> =>
    calls.call([event], (execution) => handler(event, execution, context as Context), timeLeftMs(context));
  return lambdaFunction(run, calls);
}
