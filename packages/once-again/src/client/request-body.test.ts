import { once } from "node:events";
import { createServer } from "node:http";
import { buffer } from "node:stream/consumers";
import { Readable } from "node:stream";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { replaceGlobalsAsHono } from "../../../../test/support/hono-globals.ts";
import { constantBackoff } from "../retry/index.ts";
import type { Body, RetryingRequestInit } from "./request-body.ts";
import { retryingFetch } from "./retrying-fetch.ts";

/** Fails twice, then succeeds; keeps what it got. */
const received: Array<{ type: string | undefined; body: Buffer }> = [];
const server = createServer(async (request, response) => {
  received.push({ type: request.headers["content-type"], body: await buffer(request) });
  response.statusCode = received.length < 3 ? 503 : 200;
  response.end();
});
let url = "";

beforeAll(async () => {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  url = `http://127.0.0.1:${(server.address() as { port: number }).port}/`;
});
beforeEach(() => void (received.length = 0));
afterAll(() => void server.close());

const persistent = retryingFetch({ keys: true, backoff: constantBackoff({ delayMs: 0 }), budget: "off" });

/** Posts a body, checks that three attempts carried the same, and answers with it. */
async function sent(init: RetryingRequestInit): Promise<{ type: string | undefined; body: Buffer }> {
  expect((await persistent(url, { method: "POST", ...init })).status).toBe(200);
  const [first, ...others] = received;
  expect(others).toEqual([first, first]);
  return first as NonNullable<typeof first>;
}

const form = (): FormData => {
  const data = new FormData();
  data.set("name", "Zoë");
  data.set("file", new File([Uint8Array.of(0, 255)], "a.bin", { type: "application/x-test" }));
  return data;
};
const stream = (): ReadableStream => new Blob(["streamed"]).stream();

test.each<[name: string, body: Body, type: RegExp, text: RegExp]>([
  ["a string", "Zoë", /^text\/plain;charset=UTF-8$/i, /^Zoë$/],
  ["an empty string", "", /^text\/plain/, /^$/],
  ["bytes", new TextEncoder().encode("bytes"), /^none$/, /^bytes$/],
  ["an ArrayBuffer", new TextEncoder().encode("buffer").buffer, /^none$/, /^buffer$/],
  ["a part of a buffer", new DataView(new TextEncoder().encode("_view_").buffer, 1, 4), /^none$/, /^view$/],
  ["a Blob", new Blob(["blob"], { type: "text/x-blob" }), /^text\/x-blob$/, /^blob$/],
  ["URLSearchParams", new URLSearchParams({ a: "1 2" }), /^application\/x-www-form-urlencoded/, /^a=1\+2$/],
  ["a form, its boundary too", form(), /^multipart\/form-data; boundary=/, /Zoë[^]*application\/x-test/],
])("%s is the same on every attempt", async (_name, body, type, text) => {
  const first = await sent({ body });
  expect(first.type ?? "none").toMatch(type);
  expect(first.body.toString()).toMatch(text);
});

test("bytes have no type, also beside a server of Hono, which replaces Response", async () => {
  replaceGlobalsAsHono();
  for (const body of [new TextEncoder().encode("bytes"), new TextEncoder().encode("bytes").buffer]) {
    received.length = 0;
    expect(await sent({ body })).toEqual({ type: undefined, body: Buffer.from("bytes") });
  }
});

test("the caller's content type stays", async () => {
  expect((await sent({ body: "{}", headers: { "Content-Type": "application/json" } })).type).toBe("application/json");
});

test("bytes that the caller changes afterwards are sent as they were", async () => {
  const bytes = new TextEncoder().encode("before");
  const call = persistent(url, { method: "PUT", body: bytes });
  bytes.fill(0);
  await call;
  expect(received.map(({ body }) => body.toString())).toEqual(["before", "before", "before"]);
});

test("a Request brings its method, headers and body", async () => {
  const request = new Request(url, { method: "PUT", body: "from a Request", headers: { "Content-Type": "text/x" } });
  expect((await persistent(request)).status).toBe(200);
  expect(received.map(({ type, body }) => `${type} ${body}`)).toEqual(Array(3).fill("text/x from a Request"));
  expect(request.bodyUsed).toBe(true);
});

test.each([
  ["a ReadableStream", stream],
  ["a Node stream", () => Readable.from(["streamed"])],
  ["an async iterable", () => Readable.from([Buffer.from("streamed")])[Symbol.asyncIterator]()],
])("%s is refused before anything is sent, unless a function makes it", async (_name, make) => {
  const refused = persistent(url, { method: "POST", body: make() as Body, duplex: "half" });
  await expect(refused).rejects.toMatchObject({ code: "ONCE_BODY_NOT_REPLAYABLE" });
  expect(received).toEqual([]);
  expect((await sent({ body: () => make() as Body })).body.toString()).toBe("streamed");
});

test("a function that can't make the body ends the call with its error", async () => {
  const cause = new Error("file gone");
  let made = 0;
  const body = (): string => {
    made += 1;
    if (made === 1) return "first";
    throw cause;
  };
  const call = persistent(url, { method: "POST", body });
  // The first attempt was answered 503, which leaves it open whether it was executed.
  const notMade = expect.objectContaining({ code: "ONCE_BODY_NOT_REPLAYABLE", cause });
  await expect(call).rejects.toMatchObject({ code: "ONCE_OUTCOME_UNKNOWN", cause: notMade });
  expect([made, received.length]).toEqual([2, 1]);
});

const bytes = new TextEncoder().encode("tea");
const wholeView = (text: string): DataView => new DataView(new TextEncoder().encode(text).buffer);
function* generator(): Generator<Uint8Array> {
  yield bytes;
}

/** Every kind of body that a caller might give, and the result: its text, or the code that refuses it. */
const kinds: Array<[name: string, make: () => unknown, expected: string | RegExp]> = [
  ["a string", () => "tea", "tea"],
  ["bytes", () => bytes, "tea"],
  ["an ArrayBuffer", () => bytes.slice().buffer, "tea"],
  ["a view", () => wholeView("tea"), "tea"],
  ["16-bit numbers", () => new Uint16Array(bytes.length === 3 ? Uint8Array.of(116, 0).buffer : []), "t\0"],
  ["a Node buffer", () => Buffer.from("tea"), "tea"],
  ["a Blob", () => new Blob(["tea"]), "tea"],
  ["a File", () => new File(["tea"], "tea.txt"), "tea"],
  ["FormData", () => form(), /multipart|form-data/],
  ["URLSearchParams", () => new URLSearchParams({ item: "tea" }), "item=tea"],
  ["a URL", () => new URL("http://shop.example/"), "http://shop.example/"],
  ["null", () => null, ""],
  ["nothing", () => undefined, ""],
  ["a stream", () => new Blob(["tea"]).stream(), "ONCE_BODY_NOT_REPLAYABLE"],
  ["a Node stream", () => Readable.from(["tea"]), "ONCE_BODY_NOT_REPLAYABLE"],
  ["an async iterator", () => Readable.from(["tea"])[Symbol.asyncIterator](), "ONCE_BODY_NOT_REPLAYABLE"],
  ["a generator", () => generator(), "ONCE_BODY_NOT_REPLAYABLE"],
  ["an iterator", () => [bytes].values(), "ONCE_BODY_NOT_REPLAYABLE"],
  ["an array", () => [bytes], "ONCE_OPTION_INVALID"],
  ["a Map", () => new Map([["item", "tea"]]), "ONCE_OPTION_INVALID"],
  ["a Set", () => new Set(["tea"]), "ONCE_OPTION_INVALID"],
  ["a plain object", () => ({ item: "tea" }), "ONCE_OPTION_INVALID"],
  ["an object without a prototype", () => Object.create(null) as unknown, "ONCE_OPTION_INVALID"],
];
const factories = kinds.map(([name, make, expected]): (typeof kinds)[number] => {
  const isStream = /^(a stream|a Node stream|an async iterator)$/.test(name);
  const refused = name === "FormData" || (typeof expected === "string" && expected.startsWith("ONCE_"));
  return [
    `a function that makes ${name}`,
    () => make,
    isStream ? "tea" : refused ? "ONCE_BODY_NOT_REPLAYABLE" : expected,
  ];
});

test.each([...kinds, ...factories])(
  "%s as a body: sent the same each time, or refused before anything is sent",
  async (_name, make, expected) => {
    const body = make() as Body;
    if (typeof expected === "string" && expected.startsWith("ONCE_")) {
      await expect(persistent(url, { method: "POST", body })).rejects.toMatchObject({ code: expected });
      expect(received).toEqual([]);
    } else {
      const { body: got } = await sent({ body });
      if (typeof expected === "string") expect(got.toString()).toBe(expected);
      else expect(got.toString()).toMatch(expected);
    }
  },
);

test.each(kinds.filter(([, , expected]) => typeof expected !== "string" || !expected.startsWith("ONCE_")))(
  "a Request with %s is sent the same each time, and so is one with its body replaced by it",
  async (_name, make, expected) => {
    const given = new Request(url, { method: "POST", body: make() as Body });
    await persistent(given);
    const [first, ...others] = received.splice(0);
    expect(others).toEqual([first, first]);
    const replaced = new Request(url, { method: "POST", body: "another" });
    await persistent(replaced, { body: make() as Body });
    expect(received.map(({ type }) => type)).toEqual(Array(3).fill(received[0]?.type));
    const text = received[0]?.body.toString() ?? "";
    // As in fetch, null and nothing leave the Request's own body.
    if (expected === "") expect(text).toBe("another");
    else if (typeof expected === "string") expect([first?.body.toString(), text]).toEqual([expected, expected]);
    else expect(text).toMatch(expected);
  },
);

test("a Blob is sent as it is, not copied into memory", async () => {
  const bodies: unknown[] = [];
  const noting = retryingFetch({ fetch: async (_input, init) => (bodies.push(init?.body), new Response("")) });
  const blob = new Blob(["large"], { type: "text/x" });
  await noting(url, { method: "POST", body: blob });
  expect(bodies[0]).toBe(blob);
});
