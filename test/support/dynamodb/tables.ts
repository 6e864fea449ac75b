import { setTimeout } from "node:timers/promises";
import {
  type AttributeValue,
  CreateTableCommand,
  DescribeTableCommand,
  DynamoDBClient,
  type DynamoDBClientConfig,
  ScanCommand,
  type ScanCommandOutput,
} from "@aws-sdk/client-dynamodb";
import type { Clock } from "../../../packages/once-again/src/core/clock.ts";
import type { ServerTime, TimeInterval } from "../../../packages/once-again/src/stores/dynamodb/server-time.ts";
import { awsClientOptions } from "../servers/moto.ts";

/** A client of an emulator. It asks once: what a test loses on purpose is not repeated behind its back. */
export function dynamodbClient(url: string, more: DynamoDBClientConfig = {}): DynamoDBClient {
  return new DynamoDBClient({ ...awsClientOptions({ url }), maxAttempts: 1, ...more });
}

/** Makes a table with one key, `pk`, and the index of an outbox. */
export async function createTable(client: DynamoDBClient, table: string): Promise<string> {
  await client.send(
    new CreateTableCommand({
      TableName: table,
      BillingMode: "PAY_PER_REQUEST",
      AttributeDefinitions: ["pk", "queue", "place"].map((name) => ({ AttributeName: name, AttributeType: "S" })),
      KeySchema: [{ AttributeName: "pk", KeyType: "HASH" }],
      GlobalSecondaryIndexes: [
        {
          IndexName: "outbox",
          KeySchema: [
            { AttributeName: "queue", KeyType: "HASH" },
            { AttributeName: "place", KeyType: "RANGE" },
          ],
          Projection: { ProjectionType: "INCLUDE", NonKeyAttributes: ["id", "due"] },
        },
      ],
    }),
  );
  const isActive = async (): Promise<boolean> =>
    (await client.send(new DescribeTableCommand({ TableName: table }))).Table?.TableStatus === "ACTIVE";
  while (!(await isActive())) await setTimeout(5);
  return table;
}

/** All items of a table, however many pages they take: one has up to 1 MB. */
export async function scanAll(client: DynamoDBClient, table: string): Promise<Record<string, AttributeValue>[]> {
  const items: Record<string, AttributeValue>[] = [];
  let from: Record<string, AttributeValue> | undefined;
  do {
    const page: ScanCommandOutput = await client.send(
      new ScanCommand({ TableName: table, ConsistentRead: true, ...(from && { ExclusiveStartKey: from }) }),
    );
    items.push(...(page.Items ?? []));
    from = page.LastEvaluatedKey;
  } while (from !== undefined);
  return items;
}

/** The time of a server that is known to the millisecond: it is what a clock says, which a test can move. */
export function exactTime(clock: Pick<Clock, "now">): ServerTime {
  const now = (): TimeInterval => {
    const ms = Math.floor(clock.now());
    return { earliest: ms, latest: ms, at: ms, ended: ms };
  };
  return { now, observe: () => ({ ...now(), isPast: () => false }) };
}
