import { sdkTransport } from "../../../packages/once-again/src/stores/dynamodb/client.ts";
import type { Transport } from "../../../packages/once-again/src/stores/dynamodb/connection.ts";
import * as bySdk from "../../../packages/once-again/src/stores/dynamodb/index.ts";
import type { DynamodbOutboxOptions } from "../../../packages/once-again/src/stores/dynamodb/outbox.ts";
import type { DynamodbStoreOptions } from "../../../packages/once-again/src/stores/dynamodb/store.ts";
import * as withoutSdk from "../../../packages/once-again/src/stores/dynamodb/without-sdk/index.ts";
import { awsClientOptions } from "../servers/moto.ts";
import { dynamodbClient } from "./tables.ts";

/** A client of one of the two kinds, and what is opened with it as users do. */
export interface OpenWay {
  readonly transport: Transport;
  store(options: DynamodbStoreOptions): bySdk.DynamodbStore;
  outbox(options: DynamodbOutboxOptions): bySdk.DynamodbOutbox;
  /** Calls a listener with each request from now on. */
  onRequest(listener: RequestListener): void;
  destroy(): void;
}

export type RequestListener = (operation: string, input: Record<string, unknown>) => void;

/** A way to DynamoDB: how a client of it is made. It asks once, unless a test says how often. */
export interface Way {
  readonly way: string;
  open(url: string, attemptsMax?: number): OpenWay;
}

const sdk: Way = {
  way: "by the SDK",
  open(url, attemptsMax = 1) {
    const client = dynamodbClient(url, { maxAttempts: attemptsMax });
    return {
      transport: sdkTransport(client),
      store: (options) => bySdk.dynamodbStore(client, options),
      outbox: (options) => bySdk.dynamodbOutbox(client, options),
      onRequest: (listener) =>
        client.middlewareStack.add(
          (next, { commandName }) =>
            (args) => {
              listener(String(commandName).replace(/Command$/, ""), args.input as Record<string, unknown>);
              return next(args);
            },
          { step: "initialize" },
        ),
      destroy: () => client.destroy(),
    };
  },
};

const own: Way = {
  way: "without the SDK",
  open(url, attemptsMax = 1) {
    const made = withoutSdk.dynamodbClient({ ...awsClientOptions({ url }), attemptsMax });
    const listeners: RequestListener[] = [];
    const client: withoutSdk.DynamodbClient = {
      ...made,
      request(operation, input, ...rest) {
        for (const listener of listeners) listener(operation, input as Record<string, unknown>);
        return made.request(operation, input, ...rest);
      },
    };
    return {
      transport: client,
      store: (options) => withoutSdk.dynamodbStore(client, options),
      outbox: (options) => withoutSdk.dynamodbOutbox(client, options),
      onRequest: (listener) => listeners.push(listener),
      destroy: () => client.destroy(),
    };
  },
};

/** Each contract is run through both. */
export const ways: readonly Way[] = [sdk, own];
