import { describe, expect, test } from "vitest";
import { memoryStore } from "../../stores/memory/index.ts";
import type { HttpEvent, HttpEventV1, LambdaHttpAnswer } from "./http-event.ts";
import { onceLambdaHttp } from "./lambda-http.ts";
import { fakeClock } from "../../../../testing/src/fake-clock.ts";

/** The parts of a request, whichever front hands it over. */
interface Parts {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, readonly string[]>>;
  readonly query?: readonly (readonly [string, string])[];
  readonly cookies?: readonly string[];
  readonly body?: string;
  readonly isBase64Encoded?: boolean;
}

const first = (lists: Readonly<Record<string, readonly string[]>>): Record<string, string> =>
  Object.fromEntries(Object.entries(lists).map(([name, values]) => [name, values.at(-1)!]));

const withBody = ({ body, isBase64Encoded = false }: Parts) => ({ body: body ?? null, isBase64Encoded });

/** A request as each front of Lambda writes it. */
const fronts: Record<string, (parts: Parts) => HttpEvent> = {
  "HTTP API, 2.0": ({ method = "POST", headers = {}, query = [], cookies, ...others }) => ({
    version: "2.0",
    rawPath: "/orders",
    rawQueryString: String(new URLSearchParams(query as [string, string][])),
    headers: Object.fromEntries(
      Object.entries(headers).map(([name, values]) => [name.toLowerCase(), values.join(",")]),
    ),
    ...(cookies !== undefined && { cookies }),
    requestContext: { http: { method } },
    ...withBody(others),
  }),
  "REST API": ({ method = "POST", headers = {}, query = [], cookies = [], ...others }) => ({
    httpMethod: method,
    path: "/orders",
    headers: first({ ...headers, ...(cookies.length > 0 && { Cookie: [cookies.join("; ")] }) }),
    multiValueHeaders: { ...headers, ...(cookies.length > 0 && { Cookie: [cookies.join("; ")] }) },
    queryStringParameters: query.length === 0 ? null : Object.fromEntries(query),
    multiValueQueryStringParameters:
      query.length === 0 ? null : Object.fromEntries(query.map(([name, value]) => [name, [value]])),
    requestContext: { path: "/live/orders" },
    ...withBody(others),
  }),
  "load balancer": ({ method = "POST", headers = {}, query = [], cookies = [], ...others }) => ({
    httpMethod: method,
    path: "/orders",
    headers: first({ ...headers, ...(cookies.length > 0 && { cookie: [cookies.join("; ")] }) }),
    queryStringParameters: Object.fromEntries(query.map((pair) => pair.map(encodeURIComponent))),
    requestContext: { elb: {} },
    ...withBody(others),
  }),
  "load balancer, multi-value": ({ method = "POST", headers = {}, query = [], cookies = [], ...others }) => ({
    httpMethod: method,
    path: "/orders",
    multiValueHeaders: { ...headers, ...(cookies.length > 0 && { cookie: cookies }) },
    multiValueQueryStringParameters: Object.fromEntries(
      query.map(([name, value]) => [encodeURIComponent(name), [encodeURIComponent(value)]]),
    ),
    requestContext: { elb: {} },
    ...withBody(others),
  }),
};

const keyed = (key: string): NonNullable<Parts["headers"]> => ({
  "Idempotency-Key": [key],
  "Content-Type": ["application/json"],
});

/** One header of an answer, as its front takes it. */
function header(answer: LambdaHttpAnswer, name: string): string | undefined {
  return answer.multiValueHeaders?.[name]?.join(", ") ?? answer.headers?.[name];
}

const options = () => ({ store: memoryStore(), scope: "public" as const, onError: () => undefined });

describe.for(Object.entries(fronts))("a request of the front %s", ([name, eventOf]) => {
  test("happens once, and each repeat has the first answer", async () => {
    let orders = 0;
    const handler = onceLambdaHttp(options(), (event: HttpEvent, { key }) => {
      orders += 1;
      return Response.json(
        { key, order: orders, sent: event.body },
        { status: 201, headers: { location: "/orders/1" } },
      );
    });
    const parts = { headers: keyed("order-7"), body: '{"item":"tea"}', query: [["a", "ä b"]] as const };
    const [one, again] = [await handler(eventOf(parts)), await handler(eventOf(parts))];
    expect(one).toMatchObject({ statusCode: 201, isBase64Encoded: false });
    expect(JSON.parse(one.body)).toEqual({ key: "order-7", order: 1, sent: '{"item":"tea"}' });
    expect([again.statusCode, again.body, header(again, "location")]).toEqual([201, one.body, "/orders/1"]);
    expect(header(again, "idempotent-replayed")).toBe("true");
    const others = [{ body: '{"item":"milk"}' }, { query: [["a", "c"]] as const }];
    for (const other of others)
      expect(await handler(eventOf({ ...parts, ...other }))).toMatchObject({ statusCode: 422 });
    expect(await handler(eventOf({ ...parts, headers: {} }))).toMatchObject({ statusCode: 400 });
    expect(orders).toBe(1);
  });

  test("bytes come and go as Base64, also in a repeat", async () => {
    const bytes = Buffer.from(Uint8Array.from({ length: 256 }, (_, index) => index));
    const handler = onceLambdaHttp(options(), () => ({
      statusCode: 200,
      headers: { "content-type": "image/png", "x-count": 1 },
      body: bytes.toString("base64"),
      isBase64Encoded: true,
    }));
    const sent = { headers: keyed("bytes"), body: bytes.toString("base64"), isBase64Encoded: true };
    for (let times = 0; times < 2; times += 1) {
      const answer = await handler(eventOf(sent));
      expect([answer.isBase64Encoded, Buffer.from(answer.body, "base64")]).toEqual([true, bytes]);
      expect([header(answer, "content-type"), header(answer, "x-count")]).toEqual(["image/png", "1"]);
    }
    const other = { ...sent, body: Buffer.from("other").toString("base64") };
    expect(await handler(eventOf(other))).toMatchObject({ statusCode: 422 });
  });

  test("several cookies and several values of a header arrive", async () => {
    const handler = onceLambdaHttp(options(), () => {
      const headers = new Headers({ vary: "a" });
      headers.append("vary", "b");
      for (const cookie of ["one=1; Path=/", "two=2; Expires=Wed, 21 Oct 2026 07:28:00 GMT"]) {
        headers.append("set-cookie", cookie);
      }
      return new Response("ok", { headers });
    });
    const answer = await handler(eventOf({ headers: keyed("cookies"), cookies: ["a=1", "b=2"], body: "{}" }));
    const values = Object.entries({ ...answer.multiValueHeaders, ...answer.headers })
      .filter(([each]) => each.toLowerCase() === "set-cookie")
      .flatMap(([, value]) => value);
    expect([...values, ...(answer.cookies ?? [])], name).toEqual([
      "one=1; Path=/",
      "two=2; Expires=Wed, 21 Oct 2026 07:28:00 GMT",
    ]);
    expect(header(answer, "vary")).toBe("a, b");
  });

  test("a method without keys passes through", async () => {
    let calls = 0;
    const handler = onceLambdaHttp(options(), () => ({ statusCode: 200, body: String((calls += 1)) }));
    const get = eventOf({ method: "GET" });
    expect([await handler(get), await handler(get)].map(({ body }) => body)).toEqual(["1", "2"]);
    expect(header(await handler(get), "idempotency-policy")).toBe(undefined);
  });
});

const post = (parts: Parts): HttpEvent => fronts["HTTP API, 2.0"]!({ headers: keyed("k"), body: "{}", ...parts });

test("an answer without a status is JSON for payload 2.0, and a failure elsewhere", async () => {
  const handler = onceLambdaHttp(options(), () => ({ order: 7 }));
  expect(await handler(post({}))).toMatchObject({
    statusCode: 200,
    body: '{"order":7}',
    headers: { "content-type": "application/json" },
  });
  const rest = fronts["REST API"]!({ headers: keyed("k2"), body: "{}" });
  expect(await handler(rest)).toMatchObject({ statusCode: 500 });
});

test.for([
  ["a body that is no text", () => ({ statusCode: 200, body: { order: 7 } as never })],
  ["a status out of range", () => ({ statusCode: 99 })],
  ["a header with a line break", () => ({ statusCode: 200, headers: { "x-a": "a\r\nb" } })],
  ["an error", () => Promise.reject(new Error("no stock"))],
] as const)("%s is a failure, and its repeat has the same answer", async ([, work]) => {
  const errors: unknown[] = [];
  let runs = 0;
  const handler = onceLambdaHttp({ ...options(), onError: (error) => errors.push(error) }, () => {
    runs += 1;
    return work();
  });
  const [one, again] = [await handler(post({})), await handler(post({}))];
  expect([one.statusCode, again.statusCode, runs]).toEqual([500, 500, 1]);
  expect(errors).toHaveLength(1);
});

test("a body beyond the limit, a scope that throws, and a second mount are refused as elsewhere", async () => {
  const handler = onceLambdaHttp({ ...options(), limits: { bodyBytesMax: 10 } }, () => new Response("ok"));
  expect(await handler(post({ body: "x".repeat(11) }))).toMatchObject({ statusCode: 413 });
  const scope = (): string => {
    throw new Error("who?");
  };
  expect(await onceLambdaHttp({ ...options(), scope }, () => new Response("ok"))(post({}))).toMatchObject({
    statusCode: 503,
  });
  const shared = options();
  const inner = onceLambdaHttp(shared, () => new Response("ok"));
  const outer = onceLambdaHttp(shared, async (event: HttpEvent) => inner(event));
  expect(await outer(post({}))).toMatchObject({
    statusCode: 500,
    body: expect.stringContaining("once-again twice") as string,
  });
});

test("an event with the parts of both payloads is one of 1.0", async () => {
  const handler = onceLambdaHttp(options(), () => new Response("ok"));
  const event = { httpMethod: "POST", path: "/orders", rawPath: "/orders", body: "{}" };
  const single = { ...event, headers: { "Idempotency-Key": "k", "Content-Type": "application/json" } };
  expect(await handler(single)).toMatchObject({ statusCode: 200, body: "ok" });
});

test.for([
  ["an event of a queue", { Records: [] }],
  ["null", null],
  ["a text", "POST"],
  ["a method alone", { httpMethod: "POST" }],
])("%s is no request, and the error says what is", async ([, event]) => {
  const handler = onceLambdaHttp(options(), () => new Response("ok"));
  await expect(handler(event as unknown as HttpEventV1)).rejects.toMatchObject({
    code: "ONCE_OPTION_INVALID",
    message: expect.stringContaining("onceLambda takes any other event") as string,
  });
});

test("the time that is left ends the handler, and its key is free for a look soon after", async () => {
  const handler = onceLambdaHttp(
    options(),
    (_event: HttpEvent, { signal }) =>
      new Promise<Response>((_, reject) => signal.addEventListener("abort", () => reject(signal.reason as Error))),
  );
  const answer = await handler(post({}), { getRemainingTimeInMillis: () => 200 });
  expect(answer).toMatchObject({ statusCode: 504 });
  expect(answer.body).toContain("180 ms");
});

test("the time that the claim takes is the handler's, too", async () => {
  const clock = fakeClock();
  const store = memoryStore({ clock });
  const slow = {
    ...store,
    async claim(request: Parameters<typeof store.claim>[0]) {
      await clock.advance(600);
      return store.claim(request);
    },
  };
  const begun = Promise.withResolvers<void>();
  const handler = onceLambdaHttp({ ...options(), clock, store: slow }, () => {
    begun.resolve();
    return new Promise<Response>(() => undefined);
  });
  const answer = handler(post({}), { getRemainingTimeInMillis: () => 1000 });
  await begun.promise;
  // The handler's 900 ms after the claim's 600 would be 1500.
  await clock.advance(300);
  expect(await answer).toMatchObject({ statusCode: 504 });
});

test("with less than 100 ms left a request is answered 503, and nothing is claimed", async () => {
  const store = memoryStore();
  const handler = onceLambdaHttp({ store, scope: "public" }, () => Response.json({}));
  const event = fronts["HTTP API, 2.0"]!({ headers: { "idempotency-key": ["k"] } });
  const answer = await handler(event, { getRemainingTimeInMillis: () => 99 });
  expect(answer).toMatchObject({ statusCode: 503, body: expect.stringContaining("ONCE_CLOSED") as string });
  expect(answer.headers).toHaveProperty("retry-after");
  expect(store.list({})).toEqual([]);
});
