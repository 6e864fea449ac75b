import { GetItemCommand, PutItemCommand } from "@aws-sdk/client-dynamodb";
import { spawn } from "node:child_process";
import { resolve } from "node:path";
import { text } from "node:stream/consumers";
import { afterAll, beforeAll, expect, onTestFinished, test, vi } from "vitest";
import { createTable, dynamodbClient } from "../support/dynamodb/tables.ts";
import { describeWithServer } from "../support/servers/describe-with-server.ts";
import { awsEnvironment, motoBinary, startMoto } from "../support/servers/moto.ts";

// The programs of docs/guides/dynamodb.md, as they stand there.
describeWithServer("the guide to DynamoDB", motoBinary, () => {
  let server: Awaited<ReturnType<typeof startMoto>>;
  let client: ReturnType<typeof dynamodbClient>;
  beforeAll(async () => {
    server = await startMoto();
    client = dynamodbClient(server.url);
    for (const table of ["once-again", "accounts", "orders"]) await createTable(client, table);
    for (const [name, value] of Object.entries({ ...awsEnvironment(server), AWS_REGION: "us-east-1" }))
      vi.stubEnv(name, value);
  });
  afterAll(async () => {
    vi.unstubAllEnvs();
    client.destroy();
    await server[Symbol.asyncDispose]();
  });

  const printedBy = async (program: string): Promise<string> => {
    const child = spawn(process.execPath, ["--conditions=@once-again/source", resolve(`examples/aws/${program}`)], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    onTestFinished(() => void child.kill());
    return text(child.stdout);
  };

  test("dynamodb.ts charges once, and has the same response twice", async () => {
    expect(await printedBy("dynamodb.ts")).toBe(
      'charged 420, with a fence: true\n201 {"charged":420} first\n201 {"charged":420} true\n',
    );
  });

  test("dynamodb-without-sdk.ts charges once, and answers twice", async () => {
    const log = vi.spyOn(console, "log").mockReturnValue();
    const { handler } = await import("../../examples/aws/dynamodb-without-sdk.ts");
    const context = { getRemainingTimeInMillis: () => 30_000 };
    const order = { id: "without-sdk", amount: 420 };
    for (let time = 1; time <= 2; time += 1) expect(await handler(order, context)).toEqual({ order: order.id });
    expect(log.mock.calls).toEqual([["charged 420"]]);
    log.mockRestore();
  });

  test("dynamodb-outbox.ts publishes the message of an order once, however often the order comes", async () => {
    expect(await printedBy("dynamodb-outbox.ts")).toBe('201 first\norder.placed {"id":"7"}\n201 true\n');
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
