import { type Context, Hono, type MiddlewareHandler } from "hono";
import { compress } from "hono/compress";
import { cors } from "hono/cors";
import { timeout } from "hono/timeout";
import { describe, expect, test } from "vitest";
import { appDatabase, insertOrder } from "../../../../test/support/app-database.ts";
import type { Execution, ServerEvent } from "../engine/index.ts";
import { memoryStore } from "../stores/memory/index.ts";
import { NoEffectError } from "../engine/index.ts";
import { onceHono } from "./hono.ts";
import { firstOnly } from "../../../../test/support/first-only.ts";

// A time-out in front answers before the handler has. The operation goes on, and the handler's own response is stored.

const withKey = (key: string): RequestInit => ({
  method: "POST",
  body: '{"item":"tea"}',
  headers: { "idempotency-key": key },
});
const order = withKey("order-7");

/** Time-outs as they are written; the handler waits until the caller was answered, so they all come first. */
const inFront: [name: string, timeOut: MiddlewareHandler][] = [
  ["hono/timeout", timeout(10)],
  [
    "a race that answers",
    async (context, next) => {
      const late = new Promise<Response>((resolve) => {
        setTimeout(() => resolve(context.json({ late: true }, 504, { "x-late": "1", "retry-after": "9" })), 10);
      });
      return (await Promise.race([next(), late])) ?? undefined;
    },
  ],
  [
    "a race that throws",
    async (_context, next) => {
      const late = new Promise<never>((_, reject) => void setTimeout(() => reject(new Error("late")), 10));
      await Promise.race([next(), late]);
    },
  ],
];

function route(
  timeOut: MiddlewareHandler,
  handler: (context: Context) => Promise<Response>,
  ...behind: MiddlewareHandler[]
) {
  const ended = Promise.withResolvers<ServerEvent["type"]>();
  const answered = Promise.withResolvers<void>();
  const errors: unknown[] = [];
  let runs = 0;
  const once = onceHono({
    store: memoryStore(),
    scope: "public",
    onError: (error) => errors.push(error),
    onEvent: ({ type }) => void (["executed", "released", "handler-failed"].includes(type) && ended.resolve(type)),
  });
  const app = new Hono();
  app.use(cors({ origin: "*" }), firstOnly(timeOut));
  app.onError((error, context) => context.text(error.message, error.message === "no stock" ? 500 : 504));
  app.use("/orders", once, ...behind);
  app.post("/orders", async (context) => {
    runs += 1;
    await answered.promise;
    return handler(context);
  });
  return {
    errors,
    runs: () => runs,
    /** The first response, of the time-out in front. */
    first: async () => {
      const answer = await app.request("/orders", order);
      answered.resolve();
      await ended.promise;
      return answer;
    },
    repeat: () => app.request("/orders", order),
  };
}

describe.for(inFront)("%s in front", ([, timeOut]) => {
  test("answers the first caller, and a repeat gets what the handler answered", async () => {
    const { first, repeat, runs, errors } = route(timeOut, async (context) => {
      context.header("location", "/orders/7");
      return context.json({ order: 7 }, 201);
    });
    expect((await first()).status).toBe(504);
    const answer = await repeat();
    expect([answer.status, await answer.json()]).toEqual([201, { order: 7 }]);
    expect(Object.fromEntries(answer.headers)).toMatchObject({
      "access-control-allow-origin": "*",
      "content-type": "application/json",
      location: "/orders/7",
      "idempotent-replayed": "true",
    });
    expect([answer.headers.get("x-late"), answer.headers.get("retry-after")]).toEqual([null, null]);
    expect([runs(), errors]).toEqual([1, []]);
  });

  test("leaves alone what middleware behind makes of an answer", async () => {
    const handler = async (): Promise<Response> =>
      new Response("tea ".repeat(500), { headers: { "content-type": "text/plain" } });
    const shout: MiddlewareHandler = async (context, next) => {
      await next();
      context.res = new Response((await context.res.text()).toUpperCase(), context.res);
    };
    const { first, repeat } = route(timeOut, handler, compress({ threshold: 0 }), shout);
    expect((await first()).status).toBe(504);
    expect(await (await repeat()).text()).toBe("TEA ".repeat(500));
  });

  test("does not hide that a handler threw, or said that nothing happened", async () => {
    const failing = route(timeOut, () => Promise.reject(new Error("no stock")));
    expect((await failing.first()).status).toBe(504);
    expect(await (await failing.repeat()).text()).toBe("no stock");
    const idle = route(timeOut, () => Promise.reject(new NoEffectError("Closed.")));
    expect((await idle.first()).status).toBe(504);
    await idle.repeat();
    expect(idle.runs()).toBe(2);
  });

  test("does not lose an answer that a middleware behind still works on", async () => {
    const hold = Promise.withResolvers<void>();
    const slow: MiddlewareHandler = async (_context, next) => {
      await next();
      await hold.promise;
    };
    const ended = Promise.withResolvers<void>();
    const once = onceHono({
      store: memoryStore(),
      scope: "public",
      onEvent: ({ type }) => void (type === "executed" && ended.resolve()),
    });
    const app = new Hono();
    app.use(firstOnly(timeOut));
    app.onError((error, context) => context.text(error.message, 504));
    app.post("/orders", once, slow, (context) => context.text("made", 201));
    expect((await app.request("/orders", order)).status).toBe(504);
    hold.resolve();
    await ended.promise;
    expect(await (await app.request("/orders", order)).text()).toBe("made");
  });

  test("answers for an answer that is not stored yet", async () => {
    const store = memoryStore();
    const [stored, ended] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const complete: typeof store.complete = async (request) => {
      await stored.promise;
      return store.complete(request);
    };
    const once = onceHono({
      store: { ...store, complete },
      scope: "public",
      onEvent: ({ type }) => void (type === "executed" && ended.resolve()),
    });
    const app = new Hono();
    app.use(firstOnly(timeOut));
    app.onError((error, context) => context.text(error.message, 504));
    app.post("/orders", once, (context) => context.text("made", 201));
    expect((await app.request("/orders", order)).status).toBe(504);
    stored.resolve();
    await ended.promise;
    expect(await (await app.request("/orders", order)).text()).toBe("made");
  });

  test("before the handler has begun lets it run all the same", async () => {
    const known = Promise.withResolvers<string>();
    const ended = Promise.withResolvers<void>();
    const once = onceHono({
      store: memoryStore(),
      scope: () => known.promise,
      onEvent: ({ type }) => void (type === "executed" && ended.resolve()),
    });
    const app = new Hono();
    app.use(firstOnly(timeOut));
    app.onError((error, context) => context.text(error.message, 504));
    app.post("/orders", once, (context) => context.text("made", 201));
    expect((await app.request("/orders", order)).status).toBe(504);
    known.resolve("acme");
    await ended.promise;
    const answer = await app.request("/orders", order);
    expect([answer.status, await answer.text()]).toEqual([201, "made"]);
  });

  test("commits a transaction that is at work, and a repeat makes no second row", async () => {
    const { store, orders } = appDatabase();
    const answered = Promise.withResolvers<void>();
    const ended = Promise.withResolvers<void>();
    const once = onceHono({
      mode: "transactional",
      store,
      scope: "public",
      onEvent: ({ type }) => void (type === "executed" && ended.resolve()),
    });
    const app = new Hono();
    app.use(firstOnly(timeOut));
    app.onError((error, context) => context.text(error.message, 504));
    app.post("/orders", once, async (context) => {
      await answered.promise;
      insertOrder((context.get("once") as Execution<Parameters<typeof insertOrder>[0]>).transaction, "tea");
      return context.text("made", 201);
    });
    expect((await app.request("/orders", order)).status).toBe(504);
    answered.resolve();
    await ended.promise;
    expect(await (await app.request("/orders", order)).text()).toBe("made");
    expect(orders()).toEqual(["tea"]);
  });
});

test("a time-out behind us decides the answer: it is unknown what became of the operation, and it does not run again", async () => {
  let runs = 0;
  const errors: unknown[] = [];
  const gate = Promise.withResolvers<void>();
  const once = onceHono({ store: memoryStore(), scope: "public", onError: (error) => errors.push(error) });
  const app = new Hono();
  app.post("/orders", once, firstOnly(timeout(10)), async (context) => {
    runs += 1;
    await gate.promise;
    return context.text("made", 201);
  });
  expect((await app.request("/orders", order)).status).toBe(504);
  gate.resolve();
  const repeat = await app.request("/orders", order);
  expect([repeat.status, repeat.headers.get("idempotent-replayed"), runs]).toEqual([504, "true", 1]);
});

test("what a handler answers as soon as its time is up is the result of its key, however soon that is", async () => {
  const app = new Hono();
  const errors: unknown[] = [];
  const options = { store: memoryStore(), scope: "public", limits: { handlerMsMax: 20 }, waitMs: 20_000 } as const;
  app.post("/:turns", onceHono({ ...options, onError: (error) => errors.push(error) }), async (context) => {
    await new Promise((resolve) => {
      context.get("once").signal.addEventListener("abort", resolve);
    });
    for (let turn = 0; turn < Number(context.req.param("turns")); turn += 1) await Promise.resolve();
    return context.text("made", 201);
  });
  const turns = [0, 1, 2, 4, 8];
  for (const turn of turns) {
    const sent = withKey(`turn-${turn}`);
    expect((await app.request(`/${turn}`, sent)).status).toBe(504);
    const repeat = await app.request(`/${turn}`, sent);
    expect([repeat.status, await repeat.text(), repeat.headers.get("idempotent-replayed")]).toEqual([
      201,
      "made",
      "true",
    ]);
  }
  expect(errors).toHaveLength(turns.length);
});

test("a handler that gives no response has failed, also where Hono would make one for those who ask", async () => {
  const app = new Hono();
  const errors: unknown[] = [];
  const once = onceHono({ store: memoryStore(), scope: "public", onError: (error) => errors.push(error) });
  app.use("/*", once);
  app.post("/forgotten", (() => undefined) as unknown as MiddlewareHandler);
  app.post("/header", ((context: Context) => context.header("x-shop", "tea")) as unknown as MiddlewareHandler);
  app.post("/asked", ((context: Context) => void context.res.status) as unknown as MiddlewareHandler);
  for (const path of ["/forgotten", "/header", "/asked"]) {
    const sent = withKey(path.slice(1));
    expect([(await app.request(path, sent)).status, (await app.request(path, sent)).status], path).toEqual([500, 500]);
    expect(errors.splice(0)).toEqual([new TypeError("The handler gave no response.")]);
  }
  expect((await app.request("/nowhere", order)).status).toBe(404);
});
