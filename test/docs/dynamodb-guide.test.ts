import { GetItemCommand, PutItemCommand } from "@aws-sdk/client-dynamodb";
import { spawn } from "node:child_process";
import { resolve } from "node:path";
import { text } from "node:stream/consumers";
import { afterAll, beforeAll, expect, onTestFinished, test, vi } from "vitest";
import { createTable, dynamodbClient } from "../dynamodb/tables.ts";
import { describeWithServer } from "../support/servers/describe-with-server.ts";
import { motoBinary, startMoto } from "../support/servers/moto.ts";

// The programs of docs/guides/dynamodb.md, as they stand there.
describeWithServer("the guide to DynamoDB", motoBinary, () => {
  let server: Awaited<ReturnType<typeof startMoto>>;
  let client: ReturnType<typeof dynamodbClient>;
  beforeAll(async () => {
    server = await startMoto();
    client = dynamodbClient(server.url);
    for (const table of ["once-again", "accounts"]) await createTable(client, table);
    vi.stubEnv("AWS_ENDPOINT_URL_DYNAMODB", server.url);
    vi.stubEnv("AWS_REGION", "us-east-1");
    vi.stubEnv("AWS_ACCESS_KEY_ID", "none");
    vi.stubEnv("AWS_SECRET_ACCESS_KEY", "none");
  });
  afterAll(async () => {
    vi.unstubAllEnvs();
    client.destroy();
    await server[Symbol.asyncDispose]();
  });

  test("dynamodb.ts charges once, and has the same response twice", async () => {
    const child = spawn(process.execPath, ["--conditions=@once-again/source", resolve("examples/aws/dynamodb.ts")], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    onTestFinished(() => void child.kill());
    expect(await text(child.stdout)).toBe(
      'charged 420, with a fence: true\n201 {"charged":420} first\n201 {"charged":420} true\n',
    );
  });

  test("dynamodb-transaction.ts takes an amount once for each key, and nothing where there is too little", async () => {
    const Key = { pk: { S: "acme" } };
    await client.send(new PutItemCommand({ TableName: "accounts", Item: { ...Key, balance: { N: "100" } } }));
    const { pay } = await import("../../examples/aws/dynamodb-transaction.ts");
    const request = (key: string, amount: number) =>
      new Request("http://shop.example/payments", {
        method: "POST",
        headers: { "content-type": "application/json", "idempotency-key": key },
        body: JSON.stringify({ account: "acme", amount }),
      });
    // Two of each key at once.
    const keys = ["a", "b", "a", "b"];
    const responses = await Promise.all(keys.map((key) => pay(request(key, 30))));
    expect(responses.every(({ status }) => [201, 409].includes(status))).toBe(true);
    for (const key of ["a", "b"]) expect((await pay(request(key, 30))).headers.get("idempotent-replayed")).toBe("true");
    expect((await pay(request("c", 300))).status).toBe(409);
    const { Item } = await client.send(new GetItemCommand({ TableName: "accounts", Key, ConsistentRead: true }));
    expect(Item?.["balance"]).toEqual({ N: "40" });
  });
});
