import { setTimeout } from "node:timers/promises";
import {
  CreateTableCommand,
  DescribeTableCommand,
  DynamoDBClient,
  type DynamoDBClientConfig,
} from "@aws-sdk/client-dynamodb";
import type { Clock } from "../../packages/once-again/src/core/clock.ts";
import type { ServerTime, TimeInterval } from "../../packages/once-again/src/stores/dynamodb/server-time.ts";
import { awsClientOptions } from "../support/servers/moto.ts";

/** A client of an emulator. It asks once: what a test loses on purpose is not repeated behind its back. */
export function dynamodbClient(url: string, more: DynamoDBClientConfig = {}): DynamoDBClient {
  return new DynamoDBClient({ ...awsClientOptions({ url }), maxAttempts: 1, ...more });
}

/** Makes a table with one key, `pk`. */
export async function createTable(client: DynamoDBClient, table: string): Promise<string> {
  const key = "pk";
  await client.send(
    new CreateTableCommand({
      TableName: table,
      BillingMode: "PAY_PER_REQUEST",
      AttributeDefinitions: [{ AttributeName: key, AttributeType: "S" }],
      KeySchema: [{ AttributeName: key, KeyType: "HASH" }],
    }),
  );
  const isActive = async (): Promise<boolean> =>
    (await client.send(new DescribeTableCommand({ TableName: table }))).Table?.TableStatus === "ACTIVE";
  while (!(await isActive())) await setTimeout(5);
  return table;
}

/** The time of a server that is known to the millisecond: it is what a clock says, which a test can move. */
export function exactTime(clock: Pick<Clock, "now">): ServerTime {
  const now = (): TimeInterval => {
    const ms = Math.floor(clock.now());
    return { earliest: ms, latest: ms, at: ms, ended: ms };
  };
  return { now, observe: () => ({ ...now(), isPast: () => false }) };
}
