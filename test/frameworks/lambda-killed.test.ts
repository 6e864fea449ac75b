import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { fileURLToPath } from "node:url";
import { DeleteTableCommand, ScanCommand } from "@aws-sdk/client-dynamodb";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { type LambdaOutcome, lambdaRuntime } from "../../packages/testing/src/index.ts";
import { createTable, dynamodbClient } from "../support/dynamodb/tables.ts";
import { describeWithServer } from "../support/servers/describe-with-server.ts";
import { motoBinary, startMoto } from "../support/servers/moto.ts";
import type { PrivateServer } from "../support/servers/private-server.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import type { ChargeEvent } from "./lambda-charge-child.ts";

// Functions in processes that are killed, frozen and timed out: one effect each time.

type FunctionName = "leased" | "looking" | "transactional";

/** Where the keys of the functions are, and their rows. */
interface Keys {
  readonly environment: Readonly<Record<string, string>>;
  /** How many rows the transactional function has written. */
  rows(): Promise<number>;
}

async function sqliteKeys(): Promise<Keys> {
  const keys = join(temporaryFolder(), "keys.db");
  const database = new DatabaseSync(keys);
  database.exec("CREATE TABLE charges (id TEXT)");
  onTestFinished(() => database.close());
  const rows = async (): Promise<number> => database.prepare("SELECT id FROM charges").all().length;
  return { environment: { KEYS: keys }, rows };
}

async function functionOf(name: FunctionName, open: () => Promise<Keys>) {
  const { environment, rows } = await open();
  const effects = join(temporaryFolder(), "effects");
  writeFileSync(effects, "");
  const file = fileURLToPath(new URL("lambda-charge-child.ts", import.meta.url));
  const lambda = await lambdaRuntime({
    file,
    name,
    timeoutMs: 1000,
    environment: { ...environment, EFFECTS: effects },
  });
  onTestFinished(() => lambda[Symbol.asyncDispose]());
  const lines = () => readFileSync(effects, "utf8").split("\n").filter(Boolean);
  const said = async (line: string): Promise<void> => {
    while (!lines().includes(line)) await new Promise((resolve) => setTimeout(resolve, 5));
  };
  /** Hands over as Lambda does with an asynchronous event, until it has an answer or another one than "in progress". */
  const repeat = async (event: ChargeEvent): Promise<LambdaOutcome> => {
    for (;;) {
      const outcome = await lambda.invoke(event);
      if (outcome.kind !== "failed" || !outcome.errorMessage.includes("still running")) return outcome;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  };
  const charges = async (): Promise<number> =>
    name === "transactional" ? rows() : lines().filter((line) => line.startsWith("charged")).length;
  return { lambda, said, repeat, charges };
}

const ways = {
  killed: (lambda: { kill(): void }) => lambda.kill(),
  frozen: (lambda: { freeze(): void }) => lambda.freeze(),
} as const;

function killedCases(open: () => Promise<Keys>): void {
  describe.for(Object.keys(ways) as (keyof typeof ways)[])("a function that is %s after its effect", (way) => {
    test("leased: is held, and does not charge again", async () => {
      const { lambda, said, repeat, charges } = await functionOf("leased", open);
      const charging = lambda.invoke({ id: "7", hangs: "after" });
      await said("charged 7");
      ways[way](lambda);
      expect((await charging).kind).toBe(way === "killed" ? "exited" : "timed-out");
      expect(await repeat({ id: "7" })).toMatchObject({
        kind: "failed",
        errorMessage: expect.stringContaining("ended without a word") as string,
      });
      expect(await charges()).toBe(1);
    });
  });

  test("with a look, a function that was killed after its effect is found, and the repeat has its answer", async () => {
    const { lambda, said, repeat, charges } = await functionOf("looking", open);
    const charging = lambda.invoke({ id: "7", hangs: "after" });
    await said("charged 7");
    lambda.kill();
    await charging;
    expect(await repeat({ id: "7" })).toEqual({ kind: "answered", answer: { charged: "7" } });
    expect(await charges()).toBe(1);
  });

  test("a transactional function that was killed was rolled back, and the repeat charges", async () => {
    const { lambda, said, repeat, charges } = await functionOf("transactional", open);
    const charging = lambda.invoke({ id: "7", hangs: "after" });
    await said("began 7");
    lambda.kill();
    await charging;
    expect(await repeat({ id: "7" })).toEqual({ kind: "answered", answer: { charged: "7" } });
    expect(await repeat({ id: "7" })).toEqual({ kind: "answered", answer: { charged: "7" } });
    expect(await charges()).toBe(1);
  });

  test("a function that was killed before its effect is looked up, and charges in the repeat", async () => {
    const { lambda, said, repeat, charges } = await functionOf("looking", open);
    const charging = lambda.invoke({ id: "7", hangs: "before" });
    await said("began 7");
    lambda.kill();
    await charging;
    expect(await repeat({ id: "7" })).toEqual({ kind: "answered", answer: { charged: "7" } });
    expect(await charges()).toBe(1);
  });

  test("a function that takes too long ends before Lambda ends its process, and says so", async () => {
    const { lambda, repeat, charges } = await functionOf("leased", open);
    expect(await lambda.invoke({ id: "7", hangs: "after" })).toMatchObject({
      kind: "failed",
      errorMessage: expect.stringContaining("did not end within") as string,
    });
    expect(await repeat({ id: "7" })).toMatchObject({ kind: "failed" });
    expect(await charges()).toBe(1);
  });

  test("duplicates at the same time, each in its process, have one effect", async () => {
    const { lambda, repeat, charges } = await functionOf("leased", open);
    const outcomes = await Promise.all(Array.from({ length: 4 }, () => lambda.invoke({ id: "7" })));
    const kinds = outcomes.map(({ kind }) => kind);
    expect(kinds).toContain("answered");
    expect(await repeat({ id: "7" })).toEqual({ kind: "answered", answer: { charged: "7" } });
    expect(await charges()).toBe(1);
  });
}

describe("functions with their keys in SQLite", () => {
  killedCases(sqliteKeys);
});

describeWithServer("functions with their keys in DynamoDB", motoBinary, () => {
  let server: PrivateServer;
  beforeAll(async () => {
    server = await startMoto();
  });
  afterAll(() => server[Symbol.asyncDispose]());

  describe.each([{}, { WITHOUT_SDK: "yes" }])("%o", (more: Record<string, string>) => {
    killedCases(async () => {
      const client = dynamodbClient(server.url);
      onTestFinished(() => client.destroy());
      for (const table of ["once", "charges"]) {
        await client.send(new DeleteTableCommand({ TableName: table })).catch(() => undefined);
        await createTable(client, table);
      }
      const rows = async (): Promise<number> =>
        (await client.send(new ScanCommand({ TableName: "charges", ConsistentRead: true }))).Count ?? 0;
      return { environment: { AWS_URL: server.url, ...more }, rows };
    });
  });
});
