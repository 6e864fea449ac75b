import type { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { UpdateItemCommand } from "@aws-sdk/client-dynamodb";
import { afterAll, beforeAll, describe, test } from "vitest";
import { fakeClock } from "../../../../testing/src/fake-clock.ts";
import { storeContract } from "../../../../testing/src/store-contract/store-contract.ts";
import { expectAllowed, watchPermissions } from "../../../../../test/support/dynamodb/permissions.ts";
import { createTable, dynamodbClient, exactTime } from "../../../../../test/support/dynamodb/tables.ts";
import { type OpenWay, type Way, ways } from "../../../../../test/support/dynamodb/ways.ts";
import { describeWithServer } from "../../../../../test/support/servers/describe-with-server.ts";
import { startDynalite } from "../../../../../test/support/servers/dynalite.ts";
import { motoBinary, startMoto } from "../../../../../test/support/servers/moto.ts";
import { systemClock } from "../../core/system-clock.ts";
import type { RecordName } from "../store.ts";
import { itemKey } from "./record-format.ts";
import { openStore } from "./store.ts";
import { waitMsMax } from "../../../../../test/support/wait-ms-max.ts";

function itsContract(start: () => Promise<{ readonly url: string } & AsyncDisposable>, { open }: Way): void {
  let server: Awaited<ReturnType<typeof start>>;
  let client: OpenWay;
  let direct: DynamoDBClient;
  let needed: Set<string>;
  beforeAll(async () => {
    server = await start();
    [client, direct] = [open(server.url), dynamodbClient(server.url)];
    needed = watchPermissions(client);
  });
  afterAll(async () => {
    for (const one of [client, direct]) one.destroy();
    await server[Symbol.asyncDispose]();
    expectAllowed(needed);
  });
  const tables = new Map<string, Promise<string>>();
  // A list reads all of a table.
  const optionsFor = async (records: string) => {
    const table = tables.get(records) ?? createTable(direct, records);
    tables.set(records, table);
    return { table: await table, requestMsMax: waitMsMax };
  };
  const breakRecord = (records: string, name: RecordName) =>
    direct.send(
      new UpdateItemCommand({
        TableName: records,
        Key: { pk: { S: itemKey("once-again", name) } },
        UpdateExpression: "SET attempt = :zero",
        ExpressionAttributeValues: { ":zero": { N: "0" } },
      }),
    );
  const clock = fakeClock(1_700_000_000_000);
  const exact = {
    clock,
    open: async (records: string) =>
      openStore(client.transport, await optionsFor(records), systemClock, exactTime(clock)),
  };
  // A date has whole seconds, and so is known to within one of them; the next answer may come as much later.
  const byItsDates = {
    open: async (records: string) => client.store(await optionsFor(records)),
    clockDoubtMs: 2100,
  };
  describe("by an exact clock", () => {
    for (const { name, run } of storeContract({ ...exact, purges: false, breakRecord })) test(name, run);
  });
  // The emulator that returns no item with a refusal is the quicker one, and takes the longer way.
  if (start !== startDynalite) return;
  describe("by the dates of its answers", () => {
    for (const { name, run } of storeContract({ ...byItsDates, breakRecord })) test(name, run);
  });
}

describe.each(ways)("dynalite, $way", (way) => {
  itsContract(startDynalite, way);
});

describeWithServer("moto", motoBinary, () => {
  describe.each(ways)("$way", (way) => {
    itsContract(startMoto, way);
  });
});
