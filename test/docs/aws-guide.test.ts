import { SQS } from "@aws-sdk/client-sqs";
import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { text } from "node:stream/consumers";
import type { APIGatewayProxyEventV2WithJWTAuthorizer, SQSRecord } from "aws-lambda";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import { startFauxqs } from "../support/servers/fauxqs.ts";
import { awsClientOptions } from "../support/servers/moto.ts";
import { startHttpServer } from "../support/http-server.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

// The programs of docs/guides/aws-lambda.md and sqs.md, as they stand there.

test("kill.ts kills a function in the middle of its charge, and the repeat has the receipt of the one charge", async () => {
  const child = spawn(process.execPath, ["--conditions=@once-again/source", resolve("examples/aws/kill.ts")], {
    cwd: temporaryFolder(),
    stdio: ["ignore", "pipe", "inherit"],
  });
  onTestFinished(() => void child.kill());
  expect(await text(child.stdout)).toBe("first: exited\nrepeat: { order: 'order-7' }\ncharges: order-7 700\n");
});

test("durable-twice.ts charges once for two durable executions of one order", async () => {
  const child = spawn(process.execPath, ["--conditions=@once-again/source", resolve("examples/aws/durable-twice.ts")], {
    cwd: temporaryFolder(),
    env: { ...process.env, STEP_SECRET: "5".repeat(32) },
    stdio: ["ignore", "pipe", "inherit"],
  });
  onTestFinished(() => void child.kill());
  const page = readFileSync("docs/guides/aws-lambda.md", "utf8");
  const [, promised] = /durable-twice\.ts -->[^]*?```\n\n```\n([^]*?)```/.exec(page)!;
  expect(promised).toContain("charges: 1");
  expect(await text(child.stdout)).toBe(promised);
});

test("durable-ended.ts asks Lambda, and waits until no invocation of a stopped execution can be at work", async () => {
  const arn = "arn:aws:lambda:us-east-1:123456789012:function:shop:1/durable-execution/order-7/1";
  let [endedAgoMs, path]: [number | undefined, string] = [undefined, ""];
  const url = await startHttpServer((request, response) => {
    path = decodeURIComponent(request.url!);
    const EndTimestamp = endedAgoMs === undefined ? undefined : (Date.now() - endedAgoMs) / 1000;
    response.setHeader("content-type", "application/json");
    response.end(JSON.stringify({ DurableExecutionArn: arn, Status: "STOPPED", EndTimestamp }));
  });
  for (const [name, value] of Object.entries({
    ...{ AWS_ENDPOINT_URL_LAMBDA: url, AWS_REGION: "us-east-1" },
    ...{ AWS_ACCESS_KEY_ID: "none", AWS_SECRET_ACCESS_KEY: "none" },
  }))
    vi.stubEnv(name, value);
  const { hasEnded } = await import("../../examples/aws/durable-ended.ts");
  const ended: boolean[] = [];
  for (endedAgoMs of [undefined, 60_000, 16 * 60_000]) ended.push(await hasEnded(arn));
  expect(ended).toEqual([false, false, true]);
  expect(path).toContain(`/durable-executions/${arn}`);
});

test("http.ts makes one order of two requests of an account", async () => {
  vi.stubEnv("KEYS_DB", join(temporaryFolder(), "keys.db"));
  const { handler } = await import("../../examples/aws/http.ts");
  const event = (sub: string, body: string) =>
    ({
      version: "2.0",
      rawPath: "/orders",
      rawQueryString: "",
      headers: { "content-type": "application/json", "idempotency-key": "order-7" },
      requestContext: { http: { method: "POST" }, authorizer: { jwt: { claims: { sub }, scopes: [] } } },
      body,
      isBase64Encoded: false,
    }) as unknown as APIGatewayProxyEventV2WithJWTAuthorizer;
  const first = await handler(event("acme", '{"item":"tea"}'));
  expect(first).toMatchObject({ statusCode: 201, body: '{"order":{"item":"tea"},"key":"order-7"}' });
  expect(await handler(event("acme", '{"item":"tea"}'))).toMatchObject({ headers: { "idempotent-replayed": "true" } });
  expect(await handler(event("acme", '{"item":"milk"}'))).toMatchObject({ statusCode: 422 });
  expect(await handler(event("other", '{"item":"milk"}'))).toMatchObject({ statusCode: 201 });
});

test("sqs.ts writes one invoice for each message, and says which one it could not read", async () => {
  const path = join(temporaryFolder(), "orders.db");
  vi.stubEnv("ORDERS_DB", path);
  using database = new DatabaseSync(path);
  database.exec("CREATE TABLE invoices (order_id TEXT)");
  const { handler } = await import("../../examples/aws/sqs.ts");
  const record = (messageId: string, body: string) =>
    ({
      messageId,
      body,
      attributes: {},
      messageAttributes: {},
      eventSourceARN: "arn:aws:sqs:us-east-1:1:orders",
    }) as unknown as SQSRecord;
  vi.spyOn(console, "error").mockReturnValue();
  const Records = [record("1", '{"order":"a"}'), record("2", "no JSON"), record("3", '{"order":"b"}')];
  for (let times = 0; times < 2; times += 1) {
    expect(await handler({ Records })).toEqual({ batchItemFailures: [{ itemIdentifier: "2" }] });
  }
  expect(database.prepare("SELECT order_id FROM invoices ORDER BY order_id").all()).toMatchObject([
    { order_id: "a" },
    { order_id: "b" },
  ]);
});

describe("the programs of docs/guides/sqs.md", () => {
  test("publish.ts saves and announces an order, and consume.ts makes its invoice", async () => {
    const server = await startFauxqs();
    onTestFinished(() => server[Symbol.asyncDispose]());
    const client = new SQS(awsClientOptions(server));
    onTestFinished(() => client.destroy());
    await client.createQueue({ QueueName: "billing-dead" });
    const { QueueUrl = "" } = await client.createQueue({ QueueName: "billing" });
    const path = join(temporaryFolder(), "shop.db");
    const env = {
      ...process.env,
      ...{ AWS_URL: server.url, QUEUE_URL: QueueUrl, SHOP_DB: path, AWS_REGION: "us-east-1" },
      ...{ AWS_ACCESS_KEY_ID: "none", AWS_SECRET_ACCESS_KEY: "none" },
    };
    const start = (program: string) => {
      const child = spawn(process.execPath, ["--conditions=@once-again/source", resolve("examples/aws", program)], {
        env,
        stdio: ["ignore", "pipe", "inherit"],
      });
      onTestFinished(() => void child.kill("SIGKILL"));
      return child;
    };
    expect(await text(start("publish.ts").stdout)).toBe("");
    const consumer = start("consume.ts");
    const said = text(consumer.stdout);
    using database = new DatabaseSync(path, { timeout: 5000 });
    const invoices = () => database.prepare("SELECT order_id FROM invoices").all();
    await expect.poll(invoices).toMatchObject([{ order_id: "order-7" }]);
    consumer.kill();
    expect(await said).toBe("invoice order-7\n");
  });
});
