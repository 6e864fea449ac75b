import type {
  FunctionExecution,
  FunctionOptions,
  LeasedFunctionOptions,
  TransactionalFunctionOptions,
} from "../../function/function-options.ts";
import { openCalls } from "../../function/once-function.ts";
import { type LambdaContext, type LambdaFunction, timeLeftMs } from "./invocation.ts";
import { lambdaHttp } from "./lambda-http.ts";
import { recordsFrom } from "./records.ts";
import {
  answerSqs,
  answerStream,
  answerWhole,
  dynamodbSource,
  type EventBridgeRecord,
  kinesisSource,
  s3Source,
  snsSource,
  sqsSource,
} from "./sources.ts";

/** A handler of events of any kind. */
export type EventHandler<Event, Result, Transaction, Context> = (
  event: Event,
  execution: FunctionExecution<Transaction>,
  context: Context,
) => Result | Promise<Result>;

function onceEvent<Event, Result, Transaction, Context extends LambdaContext = LambdaContext, Stored = never>(
  options: TransactionalFunctionOptions<[event: Event], Result, Transaction, Stored>,
  handler: EventHandler<Event, Result, Transaction, Context>,
): LambdaFunction<Event, Result, Context>;
function onceEvent<Event, Result, Context extends LambdaContext = LambdaContext, Stored = never>(
  options: LeasedFunctionOptions<[event: Event], Result, Stored>,
  handler: EventHandler<Event, Result, undefined, Context>,
): LambdaFunction<Event, Result, Context>;
function onceEvent<Event, Result, Transaction, Context extends LambdaContext, Stored>(
  options: FunctionOptions<[event: Event], Result, Transaction, Stored>,
  handler: EventHandler<Event, Result, Transaction, Context>,
): LambdaFunction<Event, Result, Context> {
  const calls = openCalls(options, handler);
  const run = async (event: Event, context?: Context): Promise<Result> =>
    calls.call([event], (execution) => handler(event, execution, context as Context), timeLeftMs(context));
  return Object.assign(run, { close: () => calls.close() });
}

/** The options of a function for events of EventBridge: their key is the event's id by default. */
type EventBridgeOptions<Options> = Omit<Options, "key" | "fingerprint"> &
  Partial<Pick<Options & { key: unknown }, "key">>;

function onceEventBridge<
  Result,
  Transaction,
  Event extends EventBridgeRecord = EventBridgeRecord,
  Context extends LambdaContext = LambdaContext,
>(
  options: EventBridgeOptions<TransactionalFunctionOptions<[event: Event], Result, Transaction>>,
  handler: EventHandler<Event, Result, Transaction, Context>,
): LambdaFunction<Event, Result, Context>;
function onceEventBridge<
  Result,
  Event extends EventBridgeRecord = EventBridgeRecord,
  Context extends LambdaContext = LambdaContext,
>(
  options: EventBridgeOptions<LeasedFunctionOptions<[event: Event], Result>>,
  handler: EventHandler<Event, Result, undefined, Context>,
): LambdaFunction<Event, Result, Context>;
function onceEventBridge<Result, Transaction, Event extends EventBridgeRecord, Context extends LambdaContext>(
  options: EventBridgeOptions<FunctionOptions<[event: Event], Result, Transaction, never>>,
  handler: EventHandler<Event, Result, Transaction, Context>,
): LambdaFunction<Event, Result, Context> {
  const key = ({ id }: Event): string => id;
  // An event that is replayed from an archive has one field more, and the same id.
  const fingerprint = ({ source, detail, "detail-type": type }: Event): unknown => ({ source, type, detail });
  const all = { key, fingerprint, ...options } as TransactionalFunctionOptions<[event: Event], Result, Transaction>;
  return onceEvent(all, handler);
}

/**
 * Makes a handler of AWS Lambda run each event once, by the key that you name. The function's own remaining time bounds
 * the handler and its lease: it ends before Lambda ends its process, and where Lambda does end it, or it dies, a repeat
 * finds the key held as `onUnknown` says, 2 seconds after its time at the latest.
 *
 * Its options are those of `onceFunction`. Events of known sources have functions that name their keys:
 *
 * - `onceLambda.http`: a request of API Gateway (1.0 and 2.0), a function URL or a load balancer, by its `Idempotency-Key`.
 *   Its options are those of the other frameworks.
 * - `onceLambda.sqs`, `onceLambda.kinesis`, `onceLambda.dynamodb`: a batch, of which the records that failed come again.
 *   **The event source mapping needs `ReportBatchItemFailures`**: without it Lambda ignores the answer, and what failed is lost.
 *   After the first failure of a FIFO group, or of a stream, nothing behind it is tried.
 * - `onceLambda.eventBridge`, `onceLambda.sns`, `onceLambda.s3`: an event that Lambda hands over again as a whole, by its id.
 *
 * A record is not begun when the time is short: see `RecordRules`.
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
export const onceLambda = Object.assign(onceEvent, {
  http: lambdaHttp,
  sqs: recordsFrom(sqsSource, answerSqs),
  kinesis: recordsFrom(
    kinesisSource,
    answerStream(({ kinesis }) => kinesis.sequenceNumber),
  ),
  dynamodb: recordsFrom(
    dynamodbSource,
    answerStream(({ dynamodb }) => dynamodb?.SequenceNumber),
  ),
  sns: recordsFrom(snsSource, answerWhole),
  s3: recordsFrom(s3Source, answerWhole),
  eventBridge: onceEventBridge,
});
