import { DynamoDBClient, UpdateItemCommand } from "@aws-sdk/client-dynamodb";
import { systemClock } from "../../../../packages/once-again/src/core/system-clock.ts";
import { dynamodbStore } from "../../../../packages/once-again/src/stores/dynamodb/index.ts";
import { itemKey } from "../../../../packages/once-again/src/stores/dynamodb/record-format.ts";
import { openStore } from "../../../../packages/once-again/src/stores/dynamodb/store.ts";
import { expectAllowed, watchPermissions } from "../../../support/dynamodb/permissions.ts";
import { createTable, dynamodbClient, exactTime } from "../../../support/dynamodb/tables.ts";
import { type OpenWay, ways } from "../../../support/dynamodb/ways.ts";
import { waitMsMax as requestMsMax } from "../../../support/wait-ms-max.ts";
import type { OpenRecords, StoreParts } from "../../store-kit.ts";

const tables = new Map<string, Promise<string>>();

async function tableOf(url: string, records: string): Promise<string> {
  const name = `${url} ${records}`;
  const client = dynamodbClient(url);
  const table = tables.get(name) ?? createTable(client, records);
  tables.set(name, table);
  return table.finally(() => client.destroy());
}

/** Ends a client. @throws Error where it needed a permission that the policy in the guide gives to no role. */
function closing(opened: OpenWay): () => Promise<void> {
  const needed = watchPermissions(opened);
  return async () => {
    opened.destroy();
    expectAllowed(needed);
  };
}

const opener =
  (way: (typeof ways)[number]): OpenRecords =>
  async (url, records) => {
    const opened = way.open(url);
    const store = opened.store({ table: await tableOf(url, records), requestMsMax });
    return { ...store, close: closing(opened) };
  };

export const dynamodbParts: StoreParts = {
  clients: Object.fromEntries(ways.map((way) => [way.way, opener(way)])),
  async onClock(url, records, clock) {
    const opened = ways[0]!.open(url);
    const options = { table: await tableOf(url, records), requestMsMax };
    const store = openStore(opened.transport, options, systemClock, exactTime(clock));
    return { ...store, close: closing(opened) };
  },
  async breakRecord(url, records, name) {
    const client = dynamodbClient(url);
    await client.send(
      new UpdateItemCommand({
        TableName: records,
        Key: { pk: { S: itemKey("once-again", name) } },
        UpdateExpression: "SET attempt = :zero",
        ExpressionAttributeValues: { ":zero": { N: "0" } },
      }),
    );
    client.destroy();
  },
  mistaken: () => {
    const client = new DynamoDBClient({ region: "us-east-1" });
    return { "a DynamoDBClient": { client, advice: "give a DynamoDBClient", close: () => client.destroy() } };
  },
  make: (client, options) => dynamodbStore(client as never, { table: "keys", ...options }),
};
