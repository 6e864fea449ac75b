import { once } from "node:events";
import { createServer, type Server } from "node:http";
import { setTimeout } from "node:timers/promises";
import { Hono } from "hono";
import { expect, test } from "vitest";
import { startHttpServer } from "../../../../test/support/http-server.ts";
import { onceWeb } from "once-again/web";
import { onceHono } from "once-again/hono";
import { onceNode } from "once-again/node";
import { memoryStore } from "once-again/stores/memory";
import type { SafetyReport } from "./report.ts";
import { assertIdempotentHandler } from "./assert-idempotent-handler.ts";
import type { WebHandler } from "./web-handler.ts";

const order = { path: "/orders", body: '{"item":"tea","reference":"{{unique}}"}' };
const safe = ["request-lost", "request-failed", "answer-lost", "duplicates", "caller-gone", "key-reused"];

/** An order that takes a moment, counted. */
function ordering(workMs = 50) {
  let orders = 0;
  return {
    effects: () => orders,
    async order(request: Request): Promise<Response> {
      const order: unknown = await request.json();
      await setTimeout(workMs);
      orders += 1;
      return Response.json({ id: orders, order }, { status: 201 });
    },
  };
}

const safeOnes = (reports: readonly SafetyReport[]) =>
  reports.filter(({ verdict, effects }) => verdict === "safe" && effects === 1).map(({ name }) => name);

/** The faults that broke a handler, by the scenarios' names. */
async function broken(
  handler: WebHandler | string,
  options: Parameters<typeof assertIdempotentHandler>[1],
): Promise<string[]> {
  const error: unknown = await assertIdempotentHandler(handler, options).catch((error: unknown) => error);
  expect(error).toMatchObject({ code: "ONCE_HANDLER_UNSAFE" });
  const { reports } = (error as { details: { reports: SafetyReport[] } }).details;
  return reports.filter(({ verdict }) => verdict === "broken").map(({ name }) => name);
}

test("a web-standard handler with once-again is safe", async () => {
  const { order: work, effects } = ordering();
  const handler = onceWeb({ store: memoryStore(), scope: "public" }, work);
  expect(safeOnes(await assertIdempotentHandler(handler, { ...order, effects }))).toEqual(safe);
});

test("so is a Hono app, by its fetch", async () => {
  const { order: work, effects } = ordering();
  const app = new Hono();
  app.post("/orders", onceHono({ store: memoryStore(), scope: "public" }), (context) => work(context.req.raw));
  expect(safeOnes(await assertIdempotentHandler(app.fetch, { ...order, effects }))).toEqual(safe);
});

/** A server of node:http for orders without a body. */
function bodiless(): { server: Server; effects: () => number } {
  let orders = 0;
  const handler = onceNode({ store: memoryStore(), scope: "public" }, async (_request, response) => {
    await setTimeout(10);
    orders += 1;
    response.writeHead(303, { location: `/orders/${orders}` }).end();
  });
  return { server: createServer((request, response) => void handler(request, response)), effects: () => orders };
}

test("so is a server of node:http without a body, which is closed again", async () => {
  const { server, effects } = bodiless();
  const options = { path: "/orders/7/{{unique}}", method: "PATCH", effects };
  expect(safeOnes(await assertIdempotentHandler(server, options))).toEqual(safe);
  expect(server.listening).toBe(false);
});

test("so is one that listens, which goes on listening; and one by its URL", async () => {
  const { server, effects } = bodiless();
  const url = await startHttpServer((...exchange) => void server.emit("request", ...exchange));
  expect(safeOnes(await assertIdempotentHandler(`${url}/orders`, { body: "1", otherBody: "2", effects }))).toEqual(
    safe,
  );
  await once(server.listen(0, "127.0.0.1"), "listening");
  expect(safeOnes(await assertIdempotentHandler(server, { body: "1", otherBody: "2", effects }))).toEqual(safe);
  expect(server.listening).toBe(true);
  server.close();
});

test("a handler that knows no keys breaks in every scenario", async () => {
  const { order: work, effects } = ordering();
  expect(await broken(work, { ...order, effects })).toEqual(safe);
});

/** Keeps answers by their key once they are there, and looks nowhere else. */
function keeping(work: (request: Request) => Promise<Response>): WebHandler {
  const answers = new Map<string, Response>();
  return async (request) => {
    const key = request.headers.get("idempotency-key")!;
    const answer = answers.get(key) ?? (await work(request));
    answers.set(key, answer.clone());
    return answer.clone();
  };
}

test("one that looks first and keeps later breaks by duplicates, and by a used key", async () => {
  const { order: work, effects } = ordering();
  const found = await broken(keeping(work), { ...order, effects });
  expect(found).toEqual(expect.arrayContaining(["duplicates", "key-reused"]));
  expect(found).not.toContain("answer-lost");
});

/** Runs one operation for each key and body, and refuses another body; `forget` gets a function that forgets it again. */
function remembering(
  work: (request: Request) => Promise<Response>,
  forget: (request: Request, forgetIt: () => void) => void,
): WebHandler {
  const running = new Map<string, { body: string; answer: Promise<Response> }>();
  return async (request) => {
    const key = request.headers.get("idempotency-key")!;
    const body = await request.clone().text();
    const known = running.get(key) ?? { body, answer: work(request) };
    running.set(key, known);
    if (known.body !== body) return new Response("used", { status: 422 });
    forget(request, () => running.delete(key));
    return (await known.answer).clone();
  };
}

test("one that keeps every rule with its own map is safe", async () => {
  const { order: work, effects } = ordering();
  const handler = remembering(work, () => undefined);
  expect(safeOnes(await assertIdempotentHandler(handler, { ...order, effects }))).toEqual(safe);
});

test("one that forgets the key of a caller that is gone breaks by the one that hangs up", async () => {
  // Long enough to be in the midst of it, on a busy machine too.
  const { order: work, effects } = ordering(100);
  const handler = remembering(work, ({ signal }, forgetIt) => signal.addEventListener("abort", forgetIt));
  expect(await broken(handler, { ...order, effects })).toContain("caller-gone");
});

test("one that forgets its keys breaks by the lost answer", async () => {
  const { order: work, effects } = ordering();
  const handler = remembering(work, (_request, forgetIt) => void setTimeout(20).then(forgetIt));
  expect(await broken(handler, { ...order, effects })).toContain("answer-lost");
});

test("the error has the story of what broke", async () => {
  const { order: work, effects } = ordering();
  const options = { path: "/orders", body: '"tea"', otherBody: '"coffee"', effects };
  const error: unknown = await assertIdempotentHandler(keeping(work), options).catch((error: unknown) => error);
  const { message } = error as Error;
  expect(message).toMatch(
    /^It is not safe to send again: \d of 6 trials broke it\.\n\n {2}safe {4}request-lost: 1 effect\n/,
  );
  expect(message).toMatch(/\n {2}BROKEN {2}duplicates: \d+ effects\n {10}50 copies of the request arrived at once\.\n/);
  expect(message).toMatch(/\n {10}It happened \d+ times\.\n {10}The caller saw: 201 \{.*\} \| 201 \{.*\}/);
  expect(message).toMatch(
    /\n {10}The other request was to be refused, and was answered 201 (\{.*\})\.\n {10}The caller saw: 201 \1$/,
  );
});

test("a plain operation that fails, or has no effect that is counted, is no proof of anything", async () => {
  const unfit = { code: "ONCE_TARGET_UNFIT" };
  const failing: WebHandler = () => {
    throw new Error("no such table: orders");
  };
  await expect(assertIdempotentHandler(failing, { ...order, effects: () => 0 })).rejects.toMatchObject({
    ...unfit,
    message: expect.stringContaining("0 effects, and the answer 500 Error: no such table: orders."),
  });
  await expect(assertIdempotentHandler(() => new Response("ok"), { ...order, effects: () => 7 })).rejects.toMatchObject(
    unfit,
  );
  await expect(assertIdempotentHandler("http://127.0.0.1:1", { ...order, effects: () => 0 })).rejects.toMatchObject(
    unfit,
  );
});

test.for([
  ["https://shop.example", {}],
  ["nonsense", {}],
  ["http://127.0.0.1:1", { path: "orders" }],
  ["http://127.0.0.1:1", { body: "always the same" }],
  ["http://127.0.0.1:1", { timeoutMs: 1 }],
] as const)("%s with %o is refused", async ([target, options]) => {
  await expect(assertIdempotentHandler(target, { ...order, effects: () => 0, ...options })).rejects.toMatchObject({
    code: "ONCE_OPTION_INVALID",
  });
});
