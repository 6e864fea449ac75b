import { sleep, type Clock } from "../../core/clock.ts";
import { OnceAgainError } from "../../core/errors.ts";
import { invalidOptionError } from "../../core/options.ts";
import { type Random, uniform } from "../../core/random.ts";
import { storeLateError } from "../../core/store-late-error.ts";
import type { CancellationReason, Item, OperationName, Operations } from "./api-types.ts";
import { type AnswerTime, isDated, type ServerTime } from "./server-time.ts";

/** One way to DynamoDB: the client of AWS, or ours. */
export interface Transport {
  /**
   * Sends a request, with the retries of its client, until `signal` aborts.
   *
   * @throws an error that has the name that DynamoDB gives to it, and with a refusal what `ConditionRefusal` has.
   */
  request(operation: OperationName, input: object, signal: AbortSignal, attempts: AttemptListener): Promise<unknown>;
}

/** Is called by a transport for each attempt of a request, one after the other. */
export interface AttemptListener {
  /** It is about to be sent. */
  onSend(): void;
  /** DynamoDB has answered it, also by an error, and no server between. @param date the answer's header `Date`. */
  onAnswer(date: string | undefined): void;
}

/** An answer, and the time by the server that gave it. */
export interface Answered<Output> {
  readonly output: Output;
  readonly time: AnswerTime;
}

/** The refusal of a write: its condition does not hold. */
export interface Refused {
  readonly refusal: ConditionRefusal;
  readonly time: AnswerTime;
}

/** `ConditionalCheckFailedException`, or `TransactionCanceledException`. */
export interface ConditionRefusal extends Error {
  /** The item that was there, where the server says it. */
  readonly Item?: Item;
  readonly CancellationReasons?: readonly CancellationReason[];
}

/** Sends requests, each in its time. */
export interface DynamodbConnection {
  /** @throws what the transport throws; OnceAgainError `ONCE_STORE_UNAVAILABLE`. */
  send<Name extends OperationName>(
    operation: Name,
    input: Operations[Name]["input"],
  ): Promise<Answered<Operations[Name]["output"]>>;
  /** The same for a request with a condition: that it does not hold is an answer, too. */
  sendIf<Name extends OperationName>(
    operation: Name,
    input: Operations[Name]["input"],
  ): Promise<Answered<Operations[Name]["output"]> | Refused>;
  /** Waits before the next try of one operation, longer each time, with jitter. @param tries how many met another's write. */
  pause(tries: number): Promise<void>;
}

/** How a connection sends and waits. */
export interface ConnectionParts {
  readonly transport: Transport;
  readonly time: ServerTime;
  readonly clock: Clock;
  readonly random: Random;
  /** How long one request may take, milliseconds. */
  readonly requestMsMax: number;
}

const refusals: ReadonlySet<string> = new Set(["ConditionalCheckFailedException", "TransactionCanceledException"]);

/** The longest pause after a conflict, milliseconds. */
const pauseMsMax = 400;

/** How often a request is sent that meets a transaction on its item: the pauses between take up to 1.4 s. */
const meetingsMax = 8;

/** Asks through a transport, with its retries. */
export function dynamodbConnection({
  transport,
  time,
  clock,
  random,
  requestMsMax,
}: ConnectionParts): DynamodbConnection {
  const pause = (tries: number): Promise<void> =>
    sleep(clock, uniform(random, 1, Math.min(pauseMsMax, 10 * 2 ** Math.min(tries, 10))));
  const sendIf: DynamodbConnection["sendIf"] = async (operation, input) => {
    let sentAt = 0;
    let answered: AnswerTime | undefined;
    const attempts: AttemptListener = {
      onSend() {
        answered = undefined;
        sentAt = clock.monotonic();
      },
      onAnswer(date) {
        if (isDated(date)) answered = time.observe(date, sentAt);
      },
    };
    for (let meetings = 1; ; meetings += 1) {
      const late = new AbortController();
      const cancel = clock.timer(requestMsMax, () => late.abort());
      try {
        const output = await transport.request(operation, input, late.signal, attempts);
        return { output: output as Operations[typeof operation]["output"], time: answered ?? refuseUndated() };
      } catch (error) {
        if (late.signal.aborted) throw storeLateError(requestMsMax);
        if (isRefusal(error)) return { refusal: error, time: answered ?? refuseUndated() };
        if (!isMeeting(error) || meetings === meetingsMax) throw explainError(error);
      } finally {
        cancel();
      }
      await pause(meetings);
    }
  };
  return {
    sendIf,
    async send(operation, input) {
      const answer = await sendIf(operation, input);
      if ("refusal" in answer) throw answer.refusal;
      return answer;
    },
    pause,
  };
}

function isRefusal(error: unknown): error is ConditionRefusal {
  return error instanceof Error && refusals.has(error.name);
}

/** Whether a transaction was just writing the item, so that nothing was written. No client asks again by itself. */
function isMeeting(error: unknown): boolean {
  return error instanceof Error && error.name === "TransactionConflictException";
}

function refuseUndated(): never {
  throw new OnceAgainError(
    "ONCE_STORE_UNAVAILABLE",
    "An answer of DynamoDB came without a Date header, which is the only clock of this store. Let what is between pass it on, and " +
      "give the client as the SDK makes it.",
  );
}

/** The words of DynamoDB for a query of an index that is not there, or has other keys. */
const isOfIndex = /specified index|key schema element|key condition not supported/i;

/** The error of a table without the index of an outbox, or with another one. */
export function wrongIndexError(cause?: unknown): OnceAgainError {
  return new OnceAgainError(
    "ONCE_STORE_UNAVAILABLE",
    "The table has no index for an outbox, or another one: add the index outbox, with the partition key queue and the sort key place, " +
      "both strings, that projects id and due.",
    { cause },
  );
}

/** Says what to do about the errors that a table causes which is not there, or another one. */
function explainError(error: unknown): unknown {
  if (!(error instanceof Error)) return error;
  const isMissing = error.name === "ResourceNotFoundException";
  if (error.name === "ValidationException" && isOfIndex.test(error.message)) return wrongIndexError(error);
  const isOther =
    error.name === "ValidationException" && /key element|missing the key|Missing the key/i.test(error.message);
  if (!isMissing && !isOther) return error;
  const found = isMissing ? "The table is not there" : "The table has another key";
  return new OnceAgainError(
    "ONCE_STORE_UNAVAILABLE",
    `${found}: make one in the client's region, with the partition key pk, a string, and no sort key.`,
    { cause: error },
  );
}

/** @throws OnceAgainError `ONCE_OPTION_INVALID`. */
export function checkTable(table: unknown): string {
  if (typeof table === "string" && /^[\w.:/-]{1,1024}$/.test(table)) return table;
  throw invalidOptionError("table", "the name or ARN of a table, 1 to 1024 of A-Z a-z 0-9 _ . - : /", table);
}

/** @throws OnceAgainError `ONCE_OPTION_INVALID`. */
export function checkPrefix(prefix: unknown = "once-again"): string {
  if (typeof prefix === "string" && /^[\w:.-]{1,64}$/.test(prefix)) return prefix;
  throw invalidOptionError("prefix", "1 to 64 of A-Z a-z 0-9 _ : . -", prefix);
}

/** Whether DynamoDB refused a write since its item would be larger than 400 KB. */
export function isTooLarge(error: unknown): boolean {
  return error instanceof Error && error.name === "ValidationException" && /item size/i.test(error.message);
}
