import {
  BatchGetItemCommand,
  BatchWriteItemCommand,
  DescribeTableCommand,
  DescribeTimeToLiveCommand,
  GetItemCommand,
  PutItemCommand,
  QueryCommand,
  ScanCommand,
  TransactGetItemsCommand,
  TransactWriteItemsCommand,
  UpdateItemCommand,
} from "@aws-sdk/client-dynamodb";
import { hasMethod, wrongClientError } from "../../core/duck-typing.ts";
import type { AttemptListener, Transport } from "./connection.ts";
import type { OperationName, Operations } from "./api-types.ts";
import { type DynamodbOutbox, type DynamodbOutboxOptions, openOutbox } from "./outbox.ts";
import { type DynamodbStore, type DynamodbStoreOptions, openStore } from "./store.ts";

/** The part of a `DynamoDBClient` of `@aws-sdk/client-dynamodb`, version 3, that we use. */
export interface DynamodbClient {
  send(command: never, options?: { abortSignal?: AbortSignal }): Promise<unknown>;
}

/** The part of each command of the SDK that we use. `Output` is what it answers with. */
interface SdkCommand<Output> {
  readonly middlewareStack: { add(middleware: never, options: { step: "deserialize"; priority: "high" }): void };
  /** Never there: it names the answer's type. */
  readonly resolveMiddleware?: (...parts: never) => (...given: never) => Promise<{ output: Output }>;
}

/** The SDK's command for each operation: the compiler holds our types to the SDK's. */
const commands: {
  readonly [Name in OperationName]: (input: Operations[Name]["input"]) => SdkCommand<Operations[Name]["output"]>;
} = {
  BatchGetItem: (input) => new BatchGetItemCommand(input),
  BatchWriteItem: (input) => new BatchWriteItemCommand(input),
  DescribeTable: (input) => new DescribeTableCommand(input),
  DescribeTimeToLive: (input) => new DescribeTimeToLiveCommand(input),
  GetItem: (input) => new GetItemCommand(input),
  PutItem: (input) => new PutItemCommand(input),
  Query: (input) => new QueryCommand(input),
  Scan: (input) => new ScanCommand(input),
  TransactGetItems: (input) => new TransactGetItemsCommand(input),
  TransactWriteItems: (input) => new TransactWriteItemsCommand(input),
  UpdateItem: (input) => new UpdateItemCommand(input),
};

/** An answer of HTTP, as the SDK hands it to its middleware. */
interface HttpAnswer {
  readonly headers?: Readonly<Record<string, string>>;
}

type Handler = (given: unknown) => Promise<{ readonly response?: HttpAnswer }>;

/**
 * Asks through the user's own client of AWS, with its retries. The middleware is the command's, so that the client stays as it is; and each
 * command is sent with options, without which a client with `cacheMiddleware` leaves the command's middleware out.
 *
 * @throws OnceAgainError `ONCE_OPTION_INVALID` for what is no client.
 */
export function sdkTransport(client: DynamodbClient): Transport {
  if (!hasMethod(client, "send") || !hasMethod(client, "destroy")) {
    throw wrongClientError("client", "a DynamoDBClient of @aws-sdk/client-dynamodb", client);
  }
  return {
    request(operation, input, abortSignal, attempts) {
      const command = (commands[operation] as (input: object) => SdkCommand<unknown>)(input);
      const middleware = (next: Handler) => (given: unknown) => sendOnce(next, given, attempts);
      command.middlewareStack.add(middleware as never, { step: "deserialize", priority: "high" });
      return client.send(command as never, { abortSignal });
    },
  };
}

async function sendOnce(next: Handler, given: unknown, attempts: AttemptListener): ReturnType<Handler> {
  attempts.onSend();
  try {
    const answer = await next(given);
    attempts.onAnswer(dateOf(answer.response));
    return answer;
  } catch (error) {
    const { $fault: fault, $response: response } = error as { $fault?: string; $response?: HttpAnswer };
    // Any other error may be of a server between, and its time is not DynamoDB's.
    if (fault === "client") attempts.onAnswer(dateOf(response));
    throw error;
  }
}

function dateOf(answer: HttpAnswer | undefined): string | undefined {
  const { headers = {} } = answer ?? {};
  // The handlers of the SDK have small letters in their names.
  return headers["date"] ?? Object.entries(headers).find(([name]) => name.toLowerCase() === "date")?.[1];
}

/**
 * A store in a table of DynamoDB, through your own `DynamoDBClient` of `@aws-sdk/client-dynamodb`, version 3. A first claim, the end of an
 * operation and a replay are one request each; the first request of a process is a read, which says what time it is. Its times are those
 * of the answers' `Date` header, and no host's clock counts: a lease may seem alive for up to a second more, and never for less.
 * Leases are best of 5 s and more.
 *
 * In transactional mode a handler collects its writes, and one TransactWriteItems commits them with the key and the answer: no lease, no clock,
 * nothing unknown.
 *
 * Results have up to 300,000 bytes, since an item has up to 400 KB, which routes and functions know from the store. Expired records are removed
 * by DynamoDB (time to live on the attribute `ttl`), so `purge` removes none. `list` reads the whole table.
 *
 * `close()` leaves the client open, since it is yours.
 *
 * @example
 * ```ts
 * const store = dynamodbStore(new DynamoDBClient({}), { table: "once-again" });
 * ```
 * @throws OnceAgainError `ONCE_OPTION_INVALID`.
 */
export function dynamodbStore(client: DynamodbClient, options: DynamodbStoreOptions): DynamodbStore {
  return openStore(sdkTransport(client), options);
}

/**
 * An outbox in a table of DynamoDB, through your own `DynamoDBClient` of `@aws-sdk/client-dynamodb`, version 3. `add` takes the transaction that
 * a handler of a `dynamodbStore` is given, in transactional mode: the messages are among its writes, and commit with its key, its effect and its
 * answer. A message is one write of the 99 that a handler has, and each ordering key another one.
 *
 * Transactions that add to one ordering key wait for each other within a process, for up to `requestMsMax`. Of those of several processes one
 * commits, and the handlers of the others run again, as for any condition that fails.
 *
 * Relays find messages by the index `outbox`, and nothing wakes them: they look every `pollMs`. Leases are decided by the time that DynamoDB's
 * answers have, and no host's clock counts. `addedAt` and the order of messages without a key are right to within a second or two.
 *
 * @example
 * ```ts
 * const outbox = dynamodbOutbox(new DynamoDBClient({}), { table: "once-again" });
 * // In a handler of transactional mode:
 * transaction.put({ TableName: "orders", Item: { pk: { S: id } } });
 * await outbox.add(transaction, { topic: "orders", orderingKey: id, body: { id } });
 * ```
 * @throws OnceAgainError `ONCE_OPTION_INVALID`.
 */
export function dynamodbOutbox(client: DynamodbClient, options: DynamodbOutboxOptions): DynamodbOutbox {
  return openOutbox(sdkTransport(client), options);
}
