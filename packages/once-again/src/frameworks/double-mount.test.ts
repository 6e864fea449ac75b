import { Hono } from "hono";
import { expect, test } from "vitest";
import { memoryStore } from "../stores/memory/index.ts";
import { onceWeb } from "./web.ts";
import { onceHono } from "./hono.ts";

// An adapter mounted twice in the way of one request: the first one reports it, and nothing is stored.

const order = (key = "order-7"): RequestInit => ({
  method: "POST",
  body: '{"item":"tea"}',
  headers: { "content-type": "application/json", "idempotency-key": key },
});

function rules() {
  const errors: unknown[] = [];
  const store = memoryStore();
  return {
    errors,
    store,
    options: { store, scope: "public", onError: (error: unknown) => errors.push(error) } as const,
  };
}

const twice = expect.objectContaining({ code: "ONCE_MOUNTED_TWICE" });

test("on a Hono app and on its route, a request is refused at once, and its key is free", async () => {
  const { options, errors, store } = rules();
  let runs = 0;
  const [outer, inner] = [onceHono(options), onceHono({ ...options, store: memoryStore() })];
  const app = new Hono();
  app.use(outer);
  app.post("/orders", inner, (context) => context.text(String((runs += 1)), 201));
  app.post("/once", (context) => context.text("made", 201));
  const answer = await app.request("/orders", order());
  expect([answer.status, await answer.json()]).toEqual([500, expect.objectContaining({ code: "ONCE_MOUNTED_TWICE" })]);
  expect([runs, errors]).toEqual([0, [twice, twice]]);
  expect(await store.inspect({ scope: "public", key: "order-7" })).toBeUndefined();
  expect((await app.request("/once", order())).status).toBe(201);
});

test("the same middleware on an app and its route is refused, even where a request was replaced between them", async () => {
  const { options, store } = rules();
  const once = onceHono(options);
  const app = new Hono();
  app.use(once, async (context, next) => {
    context.req.raw = new Request(context.req.raw);
    await next();
  });
  app.post("/orders", once, () => expect.fail("ran"));
  expect(await (await app.request("/orders", order())).text()).toContain("ONCE_MOUNTED_TWICE");
  expect(await store.inspect({ scope: "public", key: "order-7" })).toBeUndefined();
});

test("a wrapped handler in a wrapped handler, or behind the middleware for Hono, is refused", async () => {
  const { options, store } = rules();
  const inner = onceWeb(options, () => expect.fail("ran"));
  const app = new Hono();
  app.post("/orders", onceHono(options), (context) => inner(context.req.raw));
  const outers = [
    onceWeb(options, (request) => inner(request)),
    // The response that the outer handler makes of it must not be stored.
    onceWeb(options, async (request) => {
      if ((await inner(request)).status === 500) throw new Error("no order");
      return new Response("made");
    }),
    (request: Request) => app.fetch(request),
  ];
  for (const outer of outers) {
    const answer = await outer(new Request("https://shop.example/orders", order()));
    expect([answer.status, await answer.text()]).toEqual([500, expect.stringContaining("ONCE_MOUNTED_TWICE")]);
    expect(await store.inspect({ scope: "public", key: "order-7" })).toBeUndefined();
  }
});

test("one request may be sent twice, one after the other, and a handler may call another with a new request", async () => {
  const { options } = rules();
  const billing = onceWeb({ ...options, store: memoryStore() }, () => new Response("billed"));
  const orders = onceWeb(options, () => billing(new Request("https://billing.example/", order("order-7/bill"))));
  const request = new Request("https://shop.example/orders", { ...order(), body: null });
  for (const replayed of [null, "true"]) {
    const answer = await orders(request);
    expect([await answer.text(), answer.headers.get("idempotent-replayed")]).toEqual(["billed", replayed]);
  }
});
