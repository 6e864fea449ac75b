import type { DynamodbClient } from "./index.ts";
import type { Store } from "../store.ts";
import type { OpenOutbox } from "../kit.ts";
import { takeParameter } from "../opening.ts";
import type { Drivers, StoreUse } from "../kit.ts";

/** The part of `@aws-sdk/client-dynamodb` that we use. */
interface Sdk {
  DynamoDBClient: new (options: object) => DynamodbClient & { destroy(): void };
}

/** How long a person waits for one request, milliseconds: the first one looks for credentials, too. */
const commandRequestMsMax = 10_000;

/**
 * Opens the store in a table of DynamoDB: `dynamodb://REGION/TABLE`, `?prefix=shop`. Credentials, and the address of an emulator
 * (`AWS_ENDPOINT_URL_DYNAMODB`), come from where the SDK of AWS looks for them.
 */
export async function openDynamodb(url: URL, use: StoreUse, drivers: Drivers): Promise<Store> {
  const { client, options } = connect(url, use, drivers);
  const { dynamodbStore } = await import("./index.ts");
  return { ...dynamodbStore(client, options), close: async () => client.destroy() };
}

/** Opens the outbox there. */
export async function openDynamodbOutbox(url: URL, use: StoreUse, drivers: Drivers): Promise<OpenOutbox> {
  const { client, options } = connect(url, use, drivers);
  const { dynamodbOutbox } = await import("./index.ts");
  return { ...dynamodbOutbox(client, options), close: async () => client.destroy() };
}

function connect(url: URL, use: StoreUse, drivers: Drivers) {
  const prefix = takeParameter(url, "prefix");
  const table = decodeURIComponent(url.pathname.slice(1));
  if (table === "" || table.includes("/")) throw new Error("The URL names no table: write dynamodb://REGION/TABLE.");
  const { DynamoDBClient } = drivers.one("DynamoDB", ["@aws-sdk/client-dynamodb"]).module as Sdk;
  const client = new DynamoDBClient({ region: url.hostname, ...(use === "command" && { maxAttempts: 2 }) });
  const patience = use === "command" ? { requestMsMax: commandRequestMsMax } : {};
  return { client, options: { table, ...patience, ...(prefix !== undefined && { prefix }) } };
}
