import { spawn } from "node:child_process";
import { hash } from "node:crypto";
import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { SendMessageCommand, SQSClient } from "@aws-sdk/client-sqs";
import { describe, expect, onTestFinished, test } from "vitest";
import { OnceAgainError } from "../../packages/once-again/src/core/errors.ts";
import { awsRetryStrategy } from "../../packages/once-again/src/interceptors/aws.ts";
import { fakeClock } from "../../packages/testing/src/index.ts";
import { serverPort } from "../support/servers/server-port.ts";

type AwsRetryOptions = NonNullable<Parameters<typeof awsRetryStrategy>[0]>;

type Fault = "reset" | "500" | "503" | "throttled" | "400";

/** The SDK compares this hash with the body that it sent. */
const received = JSON.stringify({ MessageId: "m-1", MD5OfMessageBody: hash("md5", "coffee") });

/** A queue that takes every message it gets, and answers as its script says. */
async function queue(...script: Fault[]) {
  let messages = 0;
  let requests = 0;
  const answer = (response: ServerResponse, status: number, type: string): unknown =>
    response
      .writeHead(status, { "content-type": "application/x-amz-json-1.0" })
      .end(JSON.stringify({ __type: `com.amazonaws.sqs#${type}`, message: type }));
  const act = (fault: Fault | undefined, request: IncomingMessage, response: ServerResponse): unknown => {
    requests += 1;
    if (fault === "throttled") return answer(response, 400, "ThrottlingException");
    if (fault === "400") return answer(response, 400, "InvalidMessageContents");
    messages += 1;
    if (fault === "reset") return request.socket.resetAndDestroy();
    if (fault === "500" || fault === "503") return answer(response, Number(fault), "ServiceUnavailable");
    return response.writeHead(200, { "content-type": "application/x-amz-json-1.0" }).end(received);
  };
  const server = createServer(async (request, response) => {
    await text(request);
    act(script.shift(), request, response);
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  return { port, messages: () => messages, requests: () => requests };
}

test("examples/guides/sdk-aws.ts sends its messages, and gets their names", async () => {
  const server = await queue("throttled");
  const child = spawn(process.execPath, ["--conditions=@once-again/source", "examples/guides/sdk-aws.ts"], {
    env: { ...process.env, SQS_URL: `http://127.0.0.1:${server.port}` },
    stdio: ["ignore", "pipe", "inherit"],
  });
  onTestFinished(() => void child.kill());
  expect(await text(child.stdout)).toBe("m-1\n");
  expect(server.messages()).toBe(2);
});

/** Sends one message by the SDK. */
function send(port: number, options: AwsRetryOptions) {
  const endpoint = `http://127.0.0.1:${port}`;
  const client = new SQSClient({
    region: "eu-central-1",
    endpoint,
    credentials: { accessKeyId: "none", secretAccessKey: "none" },
    retryStrategy: awsRetryStrategy({ backoff: () => 0, ...options }),
  });
  onTestFinished(() => client.destroy());
  return client.send(new SendMessageCommand({ QueueUrl: `${endpoint}/1/orders`, MessageBody: "coffee" }));
}

describe("a command that means another one when it is repeated", () => {
  test.each(["reset", "500", "503"] as const)(
    "is sent once, if it meets %s, and rejects with the SDK's own error",
    async (fault) => {
      const server = await queue(fault);
      const error: unknown = await send(server.port, {}).catch((caught: unknown) => caught);
      expect(error).toMatchObject({ $metadata: { attempts: 1 } });
      expect(OnceAgainError.isInstance(error)).toBe(false);
      expect([server.messages(), server.requests()]).toEqual([1, 1]);
    },
  );

  test("is sent again when it was throttled", async () => {
    const server = await queue("throttled");
    expect(await send(server.port, {})).toMatchObject({ MessageId: "m-1", $metadata: { attempts: 2 } });
    expect([server.messages(), server.requests()]).toEqual([1, 2]);
  });

  test("is tried again while no server listens", async () => {
    const port = await serverPort();
    const error: unknown = await send(port, { attemptsMax: 3 }).catch((caught: unknown) => caught);
    expect(error).toMatchObject({ $metadata: { attempts: 3 } });
  });
});

test.each(["reset", "500", "503", "throttled"] as const)(
  "a repeatable command is sent again after %s",
  async (fault) => {
    const server = await queue(fault);
    expect(await send(server.port, { repeatable: true })).toMatchObject({ MessageId: "m-1" });
    expect(server.requests()).toBe(2);
  },
);

test("a fault in a command is reported at once", async () => {
  const server = await queue("400");
  await expect(send(server.port, { repeatable: true })).rejects.toThrow("InvalidMessageContents");
  expect(server.requests()).toBe(1);
});

test("attempts, deadline and budget bound a call", async () => {
  const faults = Array.from({ length: 10 }, (): Fault => "500");
  const tried = async (options: AwsRetryOptions): Promise<number> => {
    const server = await queue(...faults);
    await expect(send(server.port, { repeatable: true, ...options })).rejects.toThrow();
    return server.requests();
  };
  expect(await tried({ attemptsMax: 2 })).toBe(2);
  expect(await tried({ timeoutMs: 1000, backoff: () => 2000 })).toBe(1);
  expect(await tried({ budget: { tryTake: () => false, onSuccess: () => undefined } })).toBe(1);
  expect(await tried({ budget: "off" })).toBe(5);
});

test("the wait that a service names is the least one", async () => {
  const strategy = awsRetryStrategy({ clock: fakeClock(1000), backoff: () => 500, random: () => 0.5 });
  const first = await strategy.acquireInitialRetryToken("aws");
  const failure = { errorType: "THROTTLING", retryAfterHint: new Date(3000) } as const;
  const token = await strategy.refreshRetryTokenForRetry(first, failure);
  expect(token.getRetryDelay()).toBe(2250);
});

test("a strategy that is asked out of turn, or without types, has no state to lose", async () => {
  const strategy = awsRetryStrategy({ clock: fakeClock(0), backoff: () => 7 });
  const foreign = { getRetryCount: () => 3, getRetryDelay: () => 0 };
  const token = await strategy.refreshRetryTokenForRetry(foreign, { errorType: "THROTTLING" });
  expect([token.getRetryCount(), token.getRetryDelay()]).toEqual([1, 7]);
  expect(() => strategy.recordSuccess(foreign)).not.toThrow();
  await expect(strategy.refreshRetryTokenForRetry(foreign, { errorType: "CLIENT_ERROR" })).rejects.toThrow("No retry");
  expect(() => awsRetryStrategy({ retries: 3 } as object)).toThrow("awsRetryStrategy");
  for (const repeatable of ["no", 0, null]) {
    expect(() => awsRetryStrategy({ repeatable } as object)).toThrow("repeatable must be true or false");
  }
  for (const budget of ["none", {}]) {
    expect(() => awsRetryStrategy({ budget } as object)).toThrow("budget must be a retry budget");
  }
});
