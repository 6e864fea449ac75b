import type {
  FunctionOptions,
  LeasedFunctionOptions,
  TransactionalFunctionOptions,
} from "../../function/function-options.ts";
import type { LambdaContext, LambdaFunction } from "./invocation.ts";
import { type EventHandler, onceLambda } from "./once-lambda.ts";

/** An event that is replayed from an archive has one field more, and the same id. */
function coveredOf({
  source,
  detail,
  "detail-type": type,
}: {
  readonly id: string;
  readonly source: string;
  readonly "detail-type": string;
  readonly detail: unknown;
}): unknown {
  return { source, type, detail };
}

/** The parts that we use of an event. They have no name, so that a user's declaration file needs none. */
type EventBridgeRecord = Parameters<typeof coveredOf>[0];

/** The options of a function for events of EventBridge: their key is the event's id by default. */
type EventBridgeOptions<Options> = Omit<Options, "key" | "fingerprint"> &
  Partial<Pick<Options & { key: unknown }, "key">>;

/**
 * Makes a handler of EventBridge run each event once, by the event's `id`; the option `key` names it otherwise.
 *
 * @throws OnceAgainError `ONCE_OPTION_INVALID`, `ONCE_UNSAFE_PAIR`. The function throws as one of `onceFunction` does.
 * @example
 * ```ts
 * export const handler = onceEventBridge({ store, scope: "charge" }, async ({ detail }, { key, signal }) =>
 *   charge((detail as { amount: number }).amount, { idempotencyKey: key, signal }),
 * );
 * ```
 */
export function onceEventBridge<
  Result,
  Transaction,
  Event extends EventBridgeRecord = EventBridgeRecord,
  Context extends LambdaContext = LambdaContext,
>(
  options: EventBridgeOptions<TransactionalFunctionOptions<[event: Event], Result, Transaction>>,
  handler: EventHandler<Event, Result, Transaction, Context>,
): LambdaFunction<Event, Result, Context>;
export function onceEventBridge<
  Result,
  Event extends EventBridgeRecord = EventBridgeRecord,
  Context extends LambdaContext = LambdaContext,
>(
  options: EventBridgeOptions<LeasedFunctionOptions<[event: Event], Result>>,
  handler: EventHandler<Event, Result, undefined, Context>,
): LambdaFunction<Event, Result, Context>;
export function onceEventBridge<Result, Transaction, Event extends EventBridgeRecord, Context extends LambdaContext>(
  options: EventBridgeOptions<FunctionOptions<[event: Event], Result, Transaction, never>>,
  handler: EventHandler<Event, Result, Transaction, Context>,
): LambdaFunction<Event, Result, Context> {
  const key = ({ id }: Event): string => id;
  const all = { key, fingerprint: coveredOf, ...options } as TransactionalFunctionOptions<
    [event: Event],
    Result,
    Transaction
  >;
  return onceLambda(all, handler);
}
