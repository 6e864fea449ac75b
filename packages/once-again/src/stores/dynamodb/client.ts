import type { AttributeValue, CancellationReason } from "@aws-sdk/client-dynamodb";
import { sleep, type Clock } from "../../core/clock.ts";
import { hasMethod, wrongClientError } from "../../core/duck-typing.ts";
import { OnceAgainError } from "../../core/errors.ts";
import { invalidOptionError } from "../../core/options.ts";
import { type Random, uniform } from "../../core/random.ts";
import { storeLateError } from "../../core/store-late-error.ts";
import { type AnswerTime, isDated, type ServerTime } from "./server-time.ts";

/** An item as DynamoDB has it, with the type of each attribute. */
export type Item = Record<string, AttributeValue>;

/** The part of a `DynamoDBClient` of `@aws-sdk/client-dynamodb`, version 3, that we use. */
export interface DynamodbClient {
  send(command: never, options?: { abortSignal?: AbortSignal }): Promise<unknown>;
}

/** The part of each command of the SDK that we use. `Output` is what it answers with. */
export interface SdkCommand<Output> {
  readonly middlewareStack: { add(middleware: never, options: { step: "deserialize"; priority: "high" }): void };
  /** Never there: it names the answer's type. */
  readonly output?: Output;
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

/** Sends commands, each in its time. */
export interface DynamodbConnection {
  /** @throws what the client throws; OnceAgainError `ONCE_STORE_UNAVAILABLE`. */
  send<Output>(command: SdkCommand<Output>): Promise<Answered<Output>>;
  /** The same for a command with a condition: that it does not hold is an answer, too. */
  sendIf<Output>(command: SdkCommand<Output>): Promise<Answered<Output> | Refused>;
  /** Waits before the next try of one operation, longer each time, with jitter. @param tries how many met another's write. */
  pause(tries: number): Promise<void>;
}

/** How a connection waits. */
export interface ConnectionParts {
  readonly client: DynamodbClient;
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

/** An answer of HTTP, as the SDK hands it to its middleware. */
interface HttpAnswer {
  readonly headers?: Readonly<Record<string, string>>;
}

type Handler = (given: unknown) => Promise<{ readonly response?: HttpAnswer }>;

/**
 * Asks through the user's own client, with its retries. The middleware is the command's, so that the client stays as it is; and each command
 * is sent with options, without which a client with `cacheMiddleware` leaves the command's middleware out.
 */
export function dynamodbConnection({ client, time, clock, random, requestMsMax }: ConnectionParts): DynamodbConnection {
  const pause = (tries: number): Promise<void> =>
    sleep(clock, uniform(random, 1, Math.min(pauseMsMax, 10 * 2 ** Math.min(tries, 10))));
  const send = async <Output>(command: SdkCommand<Output>): Promise<Answered<Output> | Refused> => {
    let answered: AnswerTime | undefined;
    const note = (answer: HttpAnswer | undefined, sentAt: number): void => {
      const date = dateOf(answer);
      if (isDated(date)) answered = time.observe(date, sentAt);
    };
    const middleware = (next: Handler) => async (given: unknown) => {
      answered = undefined;
      const sentAt = clock.monotonic();
      try {
        const answer = await next(given);
        note(answer.response, sentAt);
        return answer;
      } catch (error) {
        note((error as { $response?: HttpAnswer }).$response, sentAt);
        throw error;
      }
    };
    command.middlewareStack.add(middleware as never, { step: "deserialize", priority: "high" });
    for (let meetings = 1; ; meetings += 1) {
      const late = new AbortController();
      const cancel = clock.timer(requestMsMax, () => late.abort());
      try {
        const output = (await client.send(command as never, { abortSignal: late.signal })) as Output;
        return { output, time: answered ?? refuseUndated() };
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
    sendIf: send,
    async send(command) {
      const answer = await send(command);
      if ("refusal" in answer) throw answer.refusal;
      return answer;
    },
    pause,
  };
}

function isRefusal(error: unknown): error is ConditionRefusal {
  return error instanceof Error && refusals.has(error.name);
}

/** Whether a transaction was just writing the item, so that nothing was written. The client of AWS does not ask again. */
function isMeeting(error: unknown): boolean {
  return error instanceof Error && error.name === "TransactionConflictException";
}

function dateOf(answer: HttpAnswer | undefined): string | undefined {
  const { headers = {} } = answer ?? {};
  // The handlers of the SDK have small letters in their names.
  return headers["date"] ?? Object.entries(headers).find(([name]) => name.toLowerCase() === "date")?.[1];
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

/** @throws OnceAgainError `ONCE_OPTION_INVALID` for what is no client. */
export function checkClient(client: unknown): void {
  if (!hasMethod(client, "send") || !hasMethod(client, "destroy")) {
    throw wrongClientError("client", "a DynamoDBClient of @aws-sdk/client-dynamodb", client);
  }
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

/** The names that an expression's `#name` stand for, so that no word of DynamoDB's is in the way. */
export function namesIn(...expressions: readonly (string | undefined)[]): Record<string, string> {
  const names: Record<string, string> = {};
  for (const expression of expressions) {
    for (const name of expression?.match(/#\w+/g) ?? []) names[name] = name.slice(1);
  }
  return names;
}
