import { join } from "node:path";
import type { LambdaContext, LambdaEvent } from "hono/aws-lambda";
import { expect, test, vi } from "vitest";
import { temporaryFolder } from "../support/temporary-folder.ts";

// The program of the guide, as AWS Lambda calls it: no server, and no connection.

function event(authorization: string, body: string): LambdaEvent {
  const http = { method: "POST", path: "/orders", protocol: "HTTP/1.1", sourceIp: "127.0.0.1", userAgent: "test" };
  return {
    version: "2.0",
    routeKey: "$default",
    rawPath: "/orders",
    rawQueryString: "",
    headers: { "content-type": "application/json", "idempotency-key": "order-7", authorization, host: "shop.example" },
    body,
    isBase64Encoded: false,
    requestContext: { http, domainName: "shop.example" },
  } as unknown as LambdaEvent;
}

test("lambda.ts makes one order of two invocations", async () => {
  vi.stubEnv("KEYS_DB", join(temporaryFolder(), "keys.db"));
  const { handler } = await import("../../examples/frameworks/lambda.ts");
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
