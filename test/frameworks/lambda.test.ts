import { join } from "node:path";
import type { LambdaContext, LambdaEvent } from "hono/aws-lambda";
import type * as Program from "../../examples/frameworks/lambda.ts";
import { beforeAll, expect, test, vi } from "vitest";
import { folderOfSuite } from "../support/temporary-folder.ts";

// The program of the guide, as AWS Lambda calls it: no server, and no connection.

function event(authorization: string, body: string, key = "order-7"): LambdaEvent {
  const http = { method: "POST", path: "/orders", protocol: "HTTP/1.1", sourceIp: "127.0.0.1", userAgent: "test" };
  return {
    version: "2.0",
    routeKey: "$default",
    rawPath: "/orders",
    rawQueryString: "",
    headers: { "content-type": "application/json", "idempotency-key": key, authorization, host: "shop.example" },
    body,
    isBase64Encoded: false,
    requestContext: { http, domainName: "shop.example" },
  } as unknown as LambdaEvent;
}

const folder = folderOfSuite();
let handler: typeof Program.handler;

beforeAll(async () => {
  vi.stubEnv("KEYS_DB", join(folder(), "keys.db"));
  ({ handler } = await import("../../examples/frameworks/lambda.ts"));
});

test("lambda.ts makes one order of two invocations", async () => {
  const invoke = (authorization: string, body: string) => handler(event(authorization, body), {} as LambdaContext);
  const [first, repeat] = [
    await invoke("Bearer token-1", '{"item":"tea"}'),
    await invoke("Bearer token-1", '{"item":"tea"}'),
  ];
  expect(first).toMatchObject({ statusCode: 201, body: '{"order":{"item":"tea"},"key":"order-7"}' });
  expect(repeat).toMatchObject({ statusCode: 201, body: first.body, headers: { "idempotent-replayed": "true" } });
  expect(await invoke("Bearer token-1", '{"item":"coffee"}')).toMatchObject({ statusCode: 422 });
  expect(await invoke("Bearer forged", '{"item":"tea"}')).toMatchObject({ statusCode: 401 });
});

test("lambda.ts begins nothing where the invocation ends within 100 ms: Hono's adapter passes its context", async () => {
  const invoke = (leftMs: number) =>
    handler(event("Bearer token-1", '{"item":"tea"}', "order-8"), {
      getRemainingTimeInMillis: () => leftMs,
    } as LambdaContext);
  expect(await invoke(99)).toMatchObject({ statusCode: 503, body: expect.stringContaining("ONCE_CLOSED") as string });
  const answered = await invoke(30_000);
  expect(answered).toMatchObject({ statusCode: 201 });
  expect(answered.headers).not.toHaveProperty("idempotent-replayed");
});
