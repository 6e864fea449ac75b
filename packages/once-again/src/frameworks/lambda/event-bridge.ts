import { invalidOptionError } from "../../core/options.ts";
import type { FunctionRules } from "../../function/function-options.ts";
import type { Mode } from "../../engine/options.ts";
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

/** The rules of a function for events of EventBridge: their key is the event's id by default. */
type EventBridgeRules<Event, Result> = Omit<FunctionRules<[event: Event], Result>, "key" | "fingerprint"> &
  Partial<Pick<FunctionRules<[event: Event], Result>, "key">>;

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
  Transaction = undefined,
  Event extends EventBridgeRecord = EventBridgeRecord,
  Context extends LambdaContext = LambdaContext,
>(
  options: EventBridgeRules<Event, Result> & Mode<Transaction>,
  handler: EventHandler<Event, Result, Transaction, Context>,
): LambdaFunction<Event, Result, Context> {
  const key = (event: Event): string => checkedEvent(event).id;
  return onceLambda({ key, fingerprint: (event: Event) => coveredOf(checkedEvent(event)), ...options }, handler);
}

function checkedEvent<Event>(event: Event): Event {
  if (typeof event === "object" && event !== null) return event;
  throw invalidOptionError("event", "an event of EventBridge", event);
}
