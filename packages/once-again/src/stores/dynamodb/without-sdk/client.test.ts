import { once } from "node:events";
import { Agent as HttpAgent, createServer, type IncomingHttpHeaders, type ServerResponse } from "node:http";
import { Agent } from "node:https";
import type { AddressInfo, Socket } from "node:net";
import { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import { fakeClock } from "../../../../../testing/src/fake-clock.ts";
import { ways } from "../../../../../../test/support/dynamodb/ways.ts";
import { type Act, breakOff, hang, reset, scriptedServer } from "../../../../../../test/support/scripted-server.ts";
import { systemClock } from "../../../core/system-clock.ts";
import type { AttemptListener } from "../connection.ts";
import { dynamodbStore as storeBySdk } from "../index.ts";
import type { Item } from "../api-types.ts";
import { openClient } from "./client.ts";
import type { Credentials } from "./credentials.ts";
import { dynamodbClient, dynamodbOutbox, dynamodbStore } from "./index.ts";
import { httpPoster } from "./post.ts";

const credentials = { accessKeyId: "one", secretAccessKey: "secret" };
const unheard: AttemptListener = { onSend: () => undefined, onAnswer: () => undefined };
const forever = new AbortController().signal;
const key = { TableName: "once", Key: { pk: { S: "k" } } };

/** Answers as DynamoDB does. */
const reply =
  (status: number, output: unknown, headers: Record<string, string> = {}): Act =>
  (response) =>
    response
      .writeHead(status, { "x-amzn-requestid": "7", ...headers })
      .end(typeof output === "string" ? output : JSON.stringify(output));
const refuse = (name: string, headers?: Record<string, string>, status = 400): Act =>
  reply(status, { __type: `com.amazonaws.dynamodb.v20120810#${name}`, message: `It is ${name}.` }, headers);
const done = reply(200, {});

type Options = NonNullable<Parameters<typeof openClient>[0]>;

/** A client of a server that does what its script says; it waits no time between its attempts, but where a chance is given. */
async function scripted(script: readonly Act[], more: Partial<Options> = {}, clock = systemClock, random = () => 0) {
  const server = await scriptedServer();
  server.script.push(...script);
  const endpoint = new URL(server.url).origin;
  const client = openClient({ region: "us-east-1", endpoint, credentials, ...more }, clock, random);
  const ask = (input: object = key, signal = forever) => client.request("GetItem", input, signal, unheard);
  return { ...server, client, ask };
}

/** The errors by which the client of AWS, too, knows that it asks for too much. */
const throttles = [
  "LimitExceededException",
  "ProvisionedThroughputExceededException",
  "RequestLimitExceeded",
  "RequestThrottled",
  "RequestThrottledException",
  "Throttling",
  "ThrottlingException",
  "TooManyRequestsException",
  "TransactionInProgressException",
];
const httpDate = (ms: number): string => new Date(Date.UTC(2026, 11, 1, 12) + ms).toUTCString();
const switching = "HTTP/1.1 101 Switching Protocols\r\nupgrade: other\r\nconnection: upgrade";

describe("sends again", () => {
  test.each<[failure: string, act: Act]>([
    ["a 500", refuse("InternalServerError", {}, 500)],
    ["a 503 of what is between", reply(503, "<html>")],
    ["a 429", reply(429, "")],
    ["a table that is throttled", refuse("ProvisionedThroughputExceededException")],
    ["an account that is throttled", refuse("ThrottlingException")],
    ["a write of another region", refuse("ReplicatedWriteConflictException")],
    ["a request that did not arrive in time", refuse("RequestTimeout")],
    ["the same by its other name", refuse("RequestTimeoutException")],
    ["an error that is called a success", refuse("ValidationException", {}, 200)],
    ["another protocol", (response) => response.socket?.write(`${switching}\r\n\r\n`)],
    ["a connection that is reset", reset],
    ["an answer that breaks off", breakOff],
    ["an answer that ends too early for its JSON", reply(200, '{"Item":{"pk":')],
    ["no object", reply(200, "null")],
    ["a list", reply(200, [])],
    ["a page of a portal", reply(200, "<html>Log in</html>")],
    ["a yes without the id of a request", (response) => response.end("{}")],
    ["an answer without content", (response) => response.writeHead(204).end()],
    ["an object that was created", reply(201, {})],
    ["a redirection", (response) => response.writeHead(302, { location: "http://127.0.0.1:1/" }).end()],
  ])("what met %s", async (_failure, act) => {
    const { ask, received } = await scripted([act, reply(200, { Item: { pk: { S: "k" } } })]);
    expect(await ask()).toEqual({ Item: { pk: { S: "k" } } });
    expect(received).toHaveLength(2);
    expect(received.map(({ method, path }) => `${method} ${path}`)).toEqual(["POST /", "POST /"]);
  });

  test("four times in all, or as often as is said, and then rejects with the error", async () => {
    const failures = Array.from({ length: 9 }, () => refuse("InternalServerError", {}, 500));
    const usual = await scripted(failures);
    await expect(usual.ask()).rejects.toMatchObject({ $metadata: { httpStatusCode: 500, requestId: "7" } });
    expect(usual.received).toHaveLength(4);
    const once = await scripted(failures, { attemptsMax: 1 });
    await expect(once.ask()).rejects.toThrow("status 500");
    expect(once.received).toHaveLength(1);
  });

  test("until the quota of all its requests is used up", async () => {
    const { ask, received } = await scripted(Array.from({ length: 100 }, () => reset));
    for (let asked = 0; asked < 20; asked += 1) await expect(ask()).rejects.toThrow();
    // 35 retries of 14 each from a quota of 500.
    expect(received).toHaveLength(20 + 35);
  });

  test("what is throttled for a smaller part of that quota", async () => {
    const throttled = Array.from({ length: 200 }, () => refuse("ThrottlingException"));
    const { ask, received } = await scripted(throttled);
    for (let asked = 0; asked < 40; asked += 1) await expect(ask()).rejects.toThrow();
    // 100 retries of 5 each.
    expect(received).toHaveLength(40 + 100);
  });

  test.each<[failure: string, act: Act, waitMs: number]>([
    ["a 500", refuse("InternalServerError", {}, 500), 12],
    ["a 429", reply(429, ""), 500],
    ...throttles.map((name): [string, Act, number] => [name, refuse(name), 500]),
    ["a 503 with a hint in milliseconds", reply(503, "", { "x-amz-retry-after": "300", "retry-after": "2" }), 300],
    ["a 503 with a hint in seconds", reply(503, "", { "retry-after": "2" }), 2000],
    ["a 503 with a date", reply(503, "", { date: httpDate(0), "retry-after": httpDate(3000) }), 3000],
    ["a 503 that asks for an hour", reply(503, "", { "retry-after": "3600" }), 5012],
  ])("after %s in a time that goes by its kind", async (_failure, act, waitMs) => {
    const waits: number[] = [];
    const timer = (ms: number, callback: () => void) => {
      waits.push(ms);
      return systemClock.timer(0, callback);
    };
    const { ask } = await scripted([act, done], {}, { ...systemClock, timer }, () => 0.5);
    await ask();
    expect(waits).toEqual([waitMs]);
  });

  test("and says what leaves a doubt, whatever the last attempt was", async () => {
    const { ask, received } = await scripted([
      reset,
      ...Array.from({ length: 3 }, () => refuse("ThrottlingException")),
    ]);
    await expect(ask()).rejects.toMatchObject({ code: "ECONNRESET" });
    expect(received).toHaveLength(4);
  });

  test("and not what leaves none: it was throttled, or has met no server", async () => {
    const throttled = refuse("ThrottlingException");
    const first = await scripted([throttled, reset, throttled, throttled]);
    await expect(first.ask()).rejects.toMatchObject({ code: "ECONNRESET" });
    const refused = Object.assign(new Error("refused"), { code: "ECONNREFUSED", syscall: "connect" });
    const agent = new HttpAgent();
    const connect = agent.createConnection.bind(agent);
    agent.createConnection = (_options, onConnection) => {
      agent.createConnection = connect;
      onConnection?.(refused, undefined as never);
      return undefined;
    };
    const second = await scripted([reset, throttled, throttled], { agent });
    await expect(second.ask()).rejects.toMatchObject({ code: "ECONNRESET" });
    expect(second.received).toHaveLength(3);
  });
});

test.each(ways)("the time of an answer counts where DynamoDB has given it, $way", async ({ open }) => {
  // The client of AWS sends again what is answered at another time than its own.
  const now = Date.now();
  const dated = (second: number) => ({ date: new Date(now + second * 1000).toUTCString() });
  const { url, script } = await scriptedServer();
  script.push(
    reply(503, "<html>", dated(1)),
    refuse("InternalServerError", dated(2), 500),
    reply(200, {}, dated(3)),
    refuse("ConditionalCheckFailedException", dated(4)),
  );
  const { transport, destroy } = open(new URL(url).origin, 4);
  const dates: unknown[] = [];
  const attempts: AttemptListener = {
    onSend: () => void dates.push("sent"),
    onAnswer: (date) => void dates.push(date),
  };
  await transport.request("GetItem", key, forever, attempts);
  await expect(transport.request("GetItem", key, forever, attempts)).rejects.toThrow("It is Conditional");
  expect(dates).toEqual(["sent", "sent", "sent", dated(3).date, "sent", dated(4).date]);
  destroy();
});

describe("sends once", () => {
  test.each([
    "ValidationException",
    "ResourceNotFoundException",
    "AccessDeniedException",
    "TransactionConflictException",
  ])("what met %s, however its name is written", async (name) => {
    const { ask, received } = await scripted([refuse(name)]);
    await expect(ask()).rejects.toMatchObject({ name, message: `It is ${name}.` });
    expect(received).toHaveLength(1);
    const bare = await scripted([
      (response) => response.writeHead(400).end(JSON.stringify({ __type: name, Message: "no" })),
    ]);
    await expect(bare.ask()).rejects.toMatchObject({ name, message: "no", $metadata: { requestId: undefined } });
  });

  test("what has no credentials, since their provider has its own retries", async () => {
    const provider = vi.fn<() => Promise<Credentials>>().mockRejectedValue(new Error("no network"));
    const { ask, received } = await scripted([], { credentials: provider });
    await expect(ask()).rejects.toMatchObject({ code: "ONCE_STORE_UNAVAILABLE", cause: new Error("no network") });
    expect(provider).toHaveBeenCalledTimes(1);
    expect(received).toHaveLength(0);
  });

  test("what a proxy forbids, with the beginning of its page", async () => {
    const { ask, received } = await scripted([reply(403, `<html>${"no ".repeat(100)}`)]);
    await expect(ask()).rejects.toThrow(/has answered with status 403 and "<html>[no ]{194}"\.$/);
    expect(received).toHaveLength(1);
  });
});

test("a condition that does not hold has the item that was there, and reasons that can be read, whatever they are", async () => {
  const Item = { pk: { S: "k" }, result: { B: "AQI=" } };
  const refusal = (name: string, more: object): Act => reply(400, { __type: `x#${name}`, message: "", ...more });
  const { ask } = await scripted([
    refusal("ConditionalCheckFailedException", { Item }),
    refusal("ConditionalCheckFailedException", { Item: [1] }),
    refusal("TransactionCanceledException", { CancellationReasons: [{ Code: "ConditionalCheckFailed", Item }, null] }),
    refusal("TransactionCanceledException", { CancellationReasons: 7 }),
  ]);
  const read = { pk: { S: "k" }, result: { B: Uint8Array.of(1, 2) } };
  await expect(ask()).rejects.toMatchObject({ name: "ConditionalCheckFailedException", Item: read });
  await expect(ask()).rejects.toMatchObject({ Item: undefined });
  await expect(ask()).rejects.toMatchObject({
    CancellationReasons: [{ Code: "ConditionalCheckFailed", Item: read }, {}],
  });
  await expect(ask()).rejects.toMatchObject({ CancellationReasons: undefined });
});

test("a server that failed has decided nothing about a condition, whatever it says", async () => {
  const lies = Array.from({ length: 4 }, () => refuse("ConditionalCheckFailedException", {}, 500));
  const { ask } = await scripted(lies);
  await expect(ask()).rejects.not.toMatchObject({ name: "ConditionalCheckFailedException" });
});

describe("an answer", () => {
  test("in pieces of one byte is read, also within a character", async () => {
    const inBytes = async (response: ServerResponse): Promise<void> => {
      response.writeHead(200, { "x-amzn-requestid": "7" });
      for (const byte of Buffer.from('{"Item":{"pk":{"S":"“tea” 🍵"}}}')) {
        response.write(Uint8Array.of(byte));
        await new Promise(setImmediate);
      }
      response.end();
    };
    const { ask } = await scripted([inBytes]);
    expect(await ask()).toEqual({ Item: { pk: { S: "“tea” 🍵" } } });
  });

  test("that is larger than any of DynamoDB is cut, and is an error", async () => {
    const server = await scriptedServer();
    server.script.push(
      (response) => response.end("x".repeat(1001)),
      (response) => response.end("x".repeat(1000)),
    );
    const poster = httpPoster(new URL(new URL(server.url).origin), undefined, 1000);
    await expect(poster.post({}, "", forever)).rejects.toThrow("more than 1000 bytes");
    expect((await poster.post({}, "", forever)).body).toHaveLength(1000);
  });

  test("that breaks off rejects with the error of its connection", async () => {
    const server = await scriptedServer();
    server.script.push(breakOff);
    const poster = httpPoster(new URL(new URL(server.url).origin), undefined);
    await expect(poster.post({}, "", forever)).rejects.toMatchObject({ code: "ECONNRESET" });
  });

  test("has bytes where there were bytes, and attributes of any name", async () => {
    const nested = Object.fromEntries([
      ["__proto__", { S: "p" }],
      ["B", { B: Uint8Array.of(255, 0) }],
    ]) as Item;
    const item: Item = {
      B: { M: nested },
      BS: { BS: [Uint8Array.of(1), Uint8Array.of()] },
      L: { L: [{ B: Buffer.from("tea") }, { S: "\ud800" }, { NULL: true }, { N: "7" }] },
      toJSON: { S: "text" },
    };
    const server = await scripted([
      (response) => response.writeHead(200, { "x-amzn-requestid": "7" }).end(server.received.at(-1)!.body),
    ]);
    const output = await server.ask({ Item: item });
    expect(output).toEqual({
      Item: { ...item, L: { L: [{ B: Uint8Array.from(Buffer.from("tea")) }, ...item["L"]!.L!.slice(1)] } },
    });
    expect(JSON.parse(server.received[0]!.body)).toMatchObject({ Item: { BS: { BS: ["AQ==", ""] } } });
  });

  test("has bytes for a text that was given as bytes, and for a set of bytes alone", async () => {
    const { ask, received } = await scripted([reply(200, { Item: { set: { BS: ["dGVh"] } } })]);
    const bytes = new DataView(Uint8Array.from(Buffer.from("a tea")).buffer, 2);
    const output = await ask({
      Item: { text: { B: "tea" }, S: { S: "B" }, view: { B: bytes }, BS: { BS: ["tea", bytes] } },
    });
    expect(received[0]!.body).toBe(
      '{"Item":{"text":{"B":"dGVh"},"S":{"S":"B"},"view":{"B":"dGVh"},"BS":{"BS":["dGVh","dGVh"]}}}',
    );
    expect(output).toEqual({ Item: { set: { BS: [Uint8Array.from(Buffer.from("tea"))] } } });
  });
});

describe("a clock that is wrong", () => {
  const serverMs = Date.UTC(2026, 11, 1, 12);
  /** Takes a signature within 5 minutes of the server's time. */
  const judge =
    (dates: string[], name = "InvalidSignatureException"): Act =>
    (response, request) => {
      const date = String(request.headers["x-amz-date"]);
      dates.push(date);
      const headers = { date: new Date(serverMs).toUTCString() };
      const isFresh = date.startsWith("20261201T12");
      return (isFresh ? reply(200, {}, headers) : refuse(name, headers))(response, request);
    };

  test.each([-3_600_000, 3_600_000])("by %i ms costs one more request, once", async (wrongMs) => {
    const dates: string[] = [];
    const clock = fakeClock(serverMs + wrongMs);
    const { ask } = await scripted([judge(dates), judge(dates), judge(dates)], {}, clock);
    await ask();
    await ask();
    expect(dates).toHaveLength(3);
    expect(dates.slice(1)).toEqual(["20261201T120000Z", "20261201T120000Z"]);
  });

  test.each(["AccessDeniedException", "RequestTimeTooSkewed"])("is known by %s, too", async (name) => {
    const dates: string[] = [];
    const { ask } = await scripted([judge(dates, name), judge(dates)], {}, fakeClock(serverMs - 1_200_000));
    await ask();
    expect(dates).toEqual(["20261201T114000Z", "20261201T120000Z"]);
  });

  test("is corrected by the time at which the answer came, and counts no more for credentials", async () => {
    const clock = fakeClock(serverMs - 3_600_000);
    const provider = vi.fn<() => Promise<Credentials>>(async () => ({
      ...credentials,
      expiration: new Date(serverMs + 360_000),
    }));
    const dates: string[] = [];
    const slow: Act = async (response, request) => {
      await clock.advance(60_000);
      return judge(dates)(response, request);
    };
    const { ask } = await scripted([slow, judge(dates), judge(dates)], { credentials: provider }, clock);
    await ask();
    expect(dates).toEqual(["20261201T110000Z", "20261201T120000Z"]);
    expect(provider).toHaveBeenCalledTimes(1);
    await clock.advance(61_000);
    await ask();
    expect(provider).toHaveBeenCalledTimes(2);
  });

  test("is corrected once for requests that are on their way together", async () => {
    const dates: string[] = [];
    const clock = fakeClock(serverMs - 3_600_000);
    const { ask } = await scripted(
      Array.from({ length: 9 }, () => judge(dates)),
      {},
      clock,
    );
    await Promise.all([ask(), ask(), ask()]);
    await ask();
    const [wrong, right] = ["20261201T110000Z", "20261201T120000Z"];
    expect(dates.toSorted()).toEqual([wrong, wrong, wrong, right, right, right, right]);
  });

  test.each([0, 60_000])("is not why a signature is refused %i ms from the answer's time", async (wrongMs) => {
    const headers = { date: new Date(serverMs).toUTCString() };
    const clock = fakeClock(serverMs + wrongMs);
    const { ask, received } = await scripted([refuse("InvalidSignatureException", headers), done], {}, clock);
    await expect(ask()).rejects.toMatchObject({ name: "InvalidSignatureException" });
    expect(received).toHaveLength(1);
  });

  test("is not corrected twice for one request, nor by an answer without a date", async () => {
    const moving = [1, 2, 3].map((hours) =>
      refuse("RequestExpired", { date: new Date(serverMs + hours * 3_600_000).toUTCString() }),
    );
    const { ask, received } = await scripted(moving, {}, fakeClock(serverMs));
    await expect(ask()).rejects.toMatchObject({ name: "RequestExpired" });
    expect(received).toHaveLength(2);
    const undated: Act = (response, request) => {
      response.sendDate = false;
      return refuse("RequestExpired")(response, request);
    };
    const other = await scripted([undated, done], {}, fakeClock(serverMs));
    await expect(other.ask()).rejects.toMatchObject({ name: "RequestExpired" });
  });
});

describe("credentials that AWS takes no longer", () => {
  const expired = refuse("ExpiredTokenException");

  test("are asked for anew, and the request is sent once more", async () => {
    const provider = vi
      .fn<() => Promise<Credentials>>()
      .mockResolvedValueOnce({ ...credentials, sessionToken: "old" })
      .mockResolvedValueOnce({ ...credentials, accessKeyId: "two", sessionToken: "new" });
    const tokens: unknown[] = [];
    const noting =
      (act: Act): Act =>
      (response, request) => {
        tokens.push(request.headers["x-amz-security-token"]);
        return act(response, request);
      };
    const { ask, received } = await scripted([noting(expired), noting(done)], { credentials: provider });
    await ask();
    expect(tokens).toEqual(["old", "new"]);
    expect(received.map(({ authorization }) => /Credential=(\w+)/.exec(authorization)![1])).toEqual(["one", "two"]);
  });

  test.each(["ExpiredTokenException", "UnrecognizedClientException"])("are read anew, %s", async (name) => {
    vi.stubEnv("AWS_ACCESS_KEY_ID", "one");
    vi.stubEnv("AWS_SECRET_ACCESS_KEY", "secret");
    const renew: Act = (response, request) => {
      vi.stubEnv("AWS_ACCESS_KEY_ID", "two");
      return refuse(name)(response, request);
    };
    const { ask, received } = await scripted([renew, done], { credentials: undefined });
    await ask();
    vi.unstubAllEnvs();
    expect(received.map(({ authorization }) => /Credential=(\w+)/.exec(authorization)![1])).toEqual(["one", "two"]);
  });

  test("are an error where there are no others", async () => {
    const { ask, received } = await scripted([expired, done]);
    await expect(ask()).rejects.toMatchObject({ name: "ExpiredTokenException" });
    expect(received).toHaveLength(1);
  });
});

describe("connections", () => {
  /** A server that says which of its sockets a request came by, and how many have closed. */
  async function countingServer(host = "127.0.0.1") {
    const sockets: Socket[] = [];
    const headers: IncomingHttpHeaders[] = [];
    const server = createServer((request, response) => {
      headers.push(request.headers);
      done(response, request);
    }).on("connection", (socket) => sockets.push(socket));
    server.keepAliveTimeout = 0;
    await once(server.listen(0, host), "listening");
    onTestFinished(() => {
      server.closeAllConnections();
      server.close();
    });
    const { port } = server.address() as AddressInfo;
    return { sockets, headers, port };
  }
  const open = (endpoint: string, more: Partial<Options> = {}) =>
    dynamodbClient({ region: "us-east-1", endpoint, credentials, ...more });
  const closing = (socket: Socket) => new Promise<void>((resolve) => socket.once("close", () => resolve()));

  test("stay open for the next request until the client is destroyed", async () => {
    const { port, sockets, headers } = await countingServer();
    const client = open(`http://127.0.0.1:${port}`);
    for (let time = 1; time <= 2; time += 1) await client.request("GetItem", key, forever, unheard);
    expect(sockets).toHaveLength(1);
    expect(headers[0]!.host).toBe(`127.0.0.1:${port}`);
    const closed = closing(sockets[0]!);
    client.destroy();
    await closed;
  });

  test("that are closed while they lie idle cost no quota, however many they are", async () => {
    const count = 50;
    const idle = new Set<unknown>();
    const allOpen = Promise.withResolvers<void>();
    const first: Act = async (response, request) => {
      if (idle.add(request.socket).size === count) allOpen.resolve();
      await allOpen.promise;
      done(response, request);
    };
    const second: Act = (response, request) => (idle.has(request.socket) ? reset : done)(response, request);
    const script = [first, second, second].flatMap((act) => Array.from({ length: count }, () => act));
    const { ask, received } = await scripted(script);
    for (let time = 1; time <= 2; time += 1) await Promise.all(Array.from({ length: count }, () => ask()));
    expect(received).toHaveLength(3 * count);
  });

  test("of an agent that was given stay open then, too", async () => {
    const { port, sockets } = await countingServer();
    const agent = new HttpAgent({ keepAlive: true });
    const client = open(`http://127.0.0.1:${port}`, { agent });
    await client.request("GetItem", key, forever, unheard);
    client.destroy();
    await client.request("GetItem", key, forever, unheard);
    expect(sockets).toHaveLength(1);
    agent.destroy();
  });

  test("are 50 at most", async () => {
    const { client, ask, received, concurrencyMax } = await scripted(Array.from({ length: 60 }, () => hang));
    const controller = new AbortController();
    const asked = Array.from({ length: 60 }, () => ask(key, controller.signal));
    await vi.waitFor(() => expect(received).toHaveLength(50));
    controller.abort();
    await Promise.allSettled(asked);
    expect(concurrencyMax()).toBe(50);
    client.destroy();
  });

  test("go through the proxy of an agent that has one", async () => {
    const { url, script, received } = await scriptedServer();
    script.push(done);
    const agent = new HttpAgent({ proxyEnv: { HTTP_PROXY: new URL(url).origin } });
    const client = open("http://dynamodb.invalid", { agent });
    await client.request("GetItem", key, forever, unheard);
    expect(received.map(({ path }) => path)).toEqual(["http://dynamodb.invalid/"]);
  });

  test("go to an address of IPv6, too", async () => {
    const hosts: unknown[] = [];
    const agent = Object.assign(new HttpAgent(), {
      createConnection(options: { host?: string; port?: unknown }, onConnection: (error: Error) => void) {
        hosts.push([options.host, options.port]);
        onConnection(new Error("not sent"));
      },
    });
    const client = open("http://[::1]:8000", { agent, attemptsMax: 1 });
    await expect(client.request("GetItem", key, forever, unheard)).rejects.toThrow("not sent");
    expect(hosts).toEqual([["::1", "8000"]]);
  });
});

describe("ends when its time is over", () => {
  test.each<[where: string, script: readonly Act[], more: Partial<Options>]>([
    ["while it is on its way", [hang], {}],
    ["while an answer is on its way", [(response) => response.writeHead(200).write("{")], {}],
    ["while credentials are", [], { credentials: () => new Promise(() => undefined) }],
  ])("%s", async (_where, script, more) => {
    const { ask } = await scripted(script, more);
    await expect(ask(key, AbortSignal.timeout(50))).rejects.toMatchObject({ name: /AbortError|TimeoutError/ });
  });

  test("and closes the connection that has no answer yet", async () => {
    const closed = Promise.withResolvers<void>();
    const { ask, received } = await scripted([(response) => response.once("close", closed.resolve)]);
    const controller = new AbortController();
    const asked = ask(key, controller.signal);
    await vi.waitFor(() => expect(received).toHaveLength(1));
    controller.abort();
    await expect(asked).rejects.toThrow();
    await closed.promise;
  });

  test("and sends nothing with credentials that come later", async () => {
    const late = Promise.withResolvers<Credentials>();
    const { client, received } = await scripted([], { credentials: () => late.promise });
    const onSend = vi.fn<() => void>();
    const asked = client.request("GetItem", key, AbortSignal.timeout(20), { ...unheard, onSend });
    await expect(asked).rejects.toMatchObject({ name: "TimeoutError" });
    late.resolve(credentials);
    await new Promise(setImmediate);
    expect(onSend).not.toHaveBeenCalled();
    expect(received).toHaveLength(0);
  });

  test("while all connections are in use", async () => {
    const agent = new HttpAgent({ maxSockets: 1 });
    const { ask, received } = await scripted([hang], { agent });
    const controller = new AbortController();
    const first = ask(key, controller.signal);
    await vi.waitFor(() => expect(received).toHaveLength(1));
    await expect(ask(key, AbortSignal.timeout(50))).rejects.toMatchObject({ name: "TimeoutError" });
    controller.abort();
    await expect(first).rejects.toThrow();
  });

  test("while it waits for its next attempt", async () => {
    const { ask, received } = await scripted([reset], {}, fakeClock(Date.now()), () => 0.5);
    const controller = new AbortController();
    const asked = ask(key, controller.signal);
    await vi.waitFor(() => expect(received).toHaveLength(1));
    controller.abort(new Error("over"));
    await expect(asked).rejects.toThrow("over");
  });
});

describe("options", () => {
  const invalid = (words: string) =>
    expect.objectContaining({
      code: "ONCE_OPTION_INVALID",
      message: expect.stringContaining(words) as string,
    }) as Error;
  const open = (options: object) => () => dynamodbClient({ region: "us-east-1", ...options });

  test.each<[options: object, words: string]>([
    [{ reigon: "x" }, "Did you mean region?"],
    [{ region: "EU West" }, "region must be"],
    [{ region: "x.evil.example/" }, "region must be"],
    [{ endpoint: "localhost:8000" }, "endpoint must be"],
    [{ endpoint: "http://localhost:8000/path" }, "endpoint must be"],
    [{ endpoint: "http://user:secret@localhost" }, "endpoint must be"],
    [{ endpoint: "ftp://localhost" }, "endpoint must be"],
    [{ endpoint: 7 }, "endpoint must be"],
    [{ credentials: "AKID" }, "credentials must be"],
    [{ credentials: null }, "credentials must be"],
    [{ attemptsMax: 0 }, "attemptsMax must be"],
    [{ attemptsMax: "4" }, "attemptsMax must be"],
    [{ agent: {} }, "agent must be"],
    [{ agent: null }, "agent must be"],
  ])("%j", (options, words) => {
    expect(open(options)).toThrow(invalid(words));
  });

  test.each(["AWS_USE_FIPS_ENDPOINT", "AWS_USE_DUALSTACK_ENDPOINT"])(
    "%s asks for an address, which is to be given",
    (name) => {
      for (const usual of ["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_DYNAMODB"]) vi.stubEnv(usual, undefined);
      vi.stubEnv(name, "true");
      expect(open({})).toThrow(invalid(`endpoint must be the address for which ${name} of the environment asks`));
      expect(open({ endpoint: "https://dynamodb-fips.us-east-1.amazonaws.com" })).not.toThrow();
      vi.stubEnv(name, "false");
      expect(open({})).not.toThrow();
      vi.unstubAllEnvs();
    },
  );

  test("an address of the environment that can't be used is an error that names it, unless it is to be ignored", () => {
    vi.stubEnv("AWS_ENDPOINT_URL_DYNAMODB", "localhost:8000");
    expect(open({})).toThrow(invalid("AWS_ENDPOINT_URL_DYNAMODB or AWS_ENDPOINT_URL of the environment"));
    vi.stubEnv("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "true");
    expect(open({})).not.toThrow();
    vi.unstubAllEnvs();
  });

  test("an agent for the other kind of address is refused with the one that it takes", () => {
    expect(open({ agent: new HttpAgent() })).toThrow(invalid("agent must be an Agent of node:https for an endpoint"));
    const onHttp = { agent: new Agent(), endpoint: "http://localhost" };
    expect(open(onHttp)).toThrow(
      invalid('agent must be an Agent of node:http for an endpoint of http:, but it is "https:"'),
    );
    const ofBoth = Object.defineProperty(new HttpAgent(), "protocol", { get: () => "http:" });
    expect(open({ agent: ofBoth })).not.toThrow();
  });

  test("an address is shown without its user", () => {
    const words = 'but it is "http://***@localhost';
    expect(open({ endpoint: "http://user:secret@localhost" })).toThrow(invalid(`${words}".`));
    expect(open({ endpoint: "http://user:se@c/ret@localhost/path" })).toThrow(invalid(`${words}/path".`));
  });

  test("a region and an address come from the environment, the more special name first", async () => {
    const { url, script, received } = await scriptedServer();
    script.push(done, done);
    for (const name of ["AWS_REGION", "AWS_DEFAULT_REGION", "AWS_ENDPOINT_URL"]) vi.stubEnv(name, undefined);
    expect(() => dynamodbClient()).toThrow(invalid("AWS_REGION or AWS_DEFAULT_REGION"));
    vi.stubEnv("AWS_DEFAULT_REGION", "eu-west-1");
    vi.stubEnv("AWS_ENDPOINT_URL", "http://127.0.0.1:1");
    vi.stubEnv("AWS_ENDPOINT_URL_DYNAMODB", new URL(url).origin);
    await dynamodbClient({ credentials }).request("GetItem", key, forever, unheard);
    vi.stubEnv("AWS_REGION", "eu-north-1");
    await dynamodbClient({ credentials }).request("GetItem", key, forever, unheard);
    vi.unstubAllEnvs();
    const regions = received.map(({ authorization }) => authorization.split("/")[2]);
    expect(regions).toEqual(["eu-west-1", "eu-north-1"]);
  });

  test.each([
    ["eu-west-1", "dynamodb.eu-west-1.amazonaws.com"],
    ["us-gov-west-1", "dynamodb.us-gov-west-1.amazonaws.com"],
    ["cn-north-1", "dynamodb.cn-north-1.amazonaws.com.cn"],
    ["us-isob-east-1", "dynamodb.us-isob-east-1.sc2s.sgov.gov"],
    ["eusc-de-east-1", "dynamodb.eusc-de-east-1.amazonaws.eu"],
  ])("in %s the address is that of the client of AWS, %s", async (region, host) => {
    const hosts: unknown[] = [];
    const agent = Object.assign(new Agent(), {
      createConnection(options: { host?: string }, onConnection: (error: Error) => void) {
        hosts.push(options.host);
        onConnection(new Error("not sent"));
      },
    });
    const client = dynamodbClient({ region, credentials, agent, attemptsMax: 1 });
    await expect(client.request("GetItem", key, forever, unheard)).rejects.toThrow("not sent");
    expect(hosts).toEqual([host]);
    const theirs = new DynamoDBClient({ region });
    const { hostname } = theirs.config.endpointProvider({ Region: region, UseDualStack: false, UseFIPS: false }).url;
    theirs.destroy();
    expect(hostname).toBe(host);
  });

  test("a client of the other kind is refused with where it belongs", () => {
    const theirs = new DynamoDBClient({ region: "us-east-1" });
    expect(() => dynamodbStore(theirs as never, { table: "once" })).toThrow(invalid("of once-again/stores/dynamodb."));
    expect(() => dynamodbOutbox(theirs as never, { table: "once" })).toThrow(invalid("DynamoDBClient"));
    const ours = open({})();
    expect(() => storeBySdk(ours as never, { table: "once" })).toThrow(invalid("stores/dynamodb/without-sdk"));
    for (const wrong of [undefined, null, {}, "once", { request: () => undefined }]) {
      expect(() => dynamodbStore(wrong as never, { table: "once" })).toThrow(invalid("dynamodbClient()"));
      expect(() => storeBySdk(wrong as never, { table: "once" })).toThrow(invalid("DynamoDBClient"));
    }
    theirs.destroy();
    ours.destroy();
  });
});
