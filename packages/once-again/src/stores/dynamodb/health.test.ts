import { CreateTableCommand, type DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { afterAll, beforeAll, expect, test } from "vitest";
import { awsProxy, type AwsProxy } from "../../../../../test/support/servers/aws-proxy.ts";
import { createTable, dynamodbClient } from "../../../../../test/support/dynamodb/tables.ts";
import { startDynalite } from "../../../../../test/support/servers/dynalite.ts";
import { dynamodbStore } from "./client.ts";

let server: Awaited<ReturnType<typeof startDynalite>>;
let proxy: AwsProxy;
let client: DynamoDBClient;
beforeAll(async () => {
  server = await startDynalite();
  proxy = await awsProxy(server.url);
  client = dynamodbClient(proxy.url);
  await createTable(client, "once");
});
afterAll(async () => {
  client.destroy();
  await proxy[Symbol.asyncDispose]();
  await server[Symbol.asyncDispose]();
});
const healthOf = (table = "once") => dynamodbStore(client, { table }).health();
/** The answers of a table that the emulators can't make. */
const describe = (table: object, ttl: object = {}): void => {
  proxy.change = (operation, answer) => {
    const parsed = JSON.parse(answer) as { Table?: object };
    if (operation === "DescribeTable") return JSON.stringify({ Table: { ...parsed.Table, ...table } });
    if (operation === "DescribeTimeToLive") return JSON.stringify({ TimeToLiveDescription: ttl });
    return answer;
  };
};

test("a table without time to live is healthy, with a warning", async () => {
  const warning = expect.stringContaining("enable it on the attribute ttl") as string;
  expect(await healthOf()).toEqual({ isHealthy: true, problems: [], warnings: [warning] });
  describe({}, { TimeToLiveStatus: "ENABLED", AttributeName: "expires" });
  expect(await healthOf()).toEqual({ isHealthy: true, problems: [], warnings: [warning] });
  describe({}, { TimeToLiveStatus: "ENABLED", AttributeName: "ttl" });
  expect(await healthOf()).toEqual({ isHealthy: true, problems: [] });
});

test("a global table is refused where the last writer wins, and taken where it is consistent", async () => {
  const Replicas = [{ RegionName: "eu-west-1" }, { RegionName: "us-east-1" }];
  const on = { TimeToLiveStatus: "ENABLED", AttributeName: "ttl" };
  for (const MultiRegionConsistency of [undefined, "EVENTUAL"]) {
    describe({ Replicas, MultiRegionConsistency }, on);
    expect(await healthOf()).toEqual({
      isHealthy: false,
      problems: [expect.stringContaining("the last writer wins") as string],
    });
  }
  describe({ Replicas, MultiRegionConsistency: "STRONG" }, on);
  expect(await healthOf()).toEqual({ isHealthy: true, problems: [] });
});

test("a table that is not there, is being deleted, or has another key is a problem", async () => {
  proxy.change = (_operation, answer) => answer;
  expect((await healthOf("missing")).problems).toEqual([expect.stringContaining("not there") as string]);
  await client.send(
    new CreateTableCommand({
      TableName: "other",
      BillingMode: "PAY_PER_REQUEST",
      AttributeDefinitions: [{ AttributeName: "id", AttributeType: "S" }],
      KeySchema: [{ AttributeName: "id", KeyType: "HASH" }],
    }),
  );
  expect((await healthOf("other")).problems).toContainEqual(expect.stringContaining("partition key pk") as string);
  describe({ TableStatus: "DELETING" });
  expect((await healthOf()).problems).toEqual(["The table is DELETING."]);
});
