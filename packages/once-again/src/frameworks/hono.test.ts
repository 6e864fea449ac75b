import { type Context, Hono } from "hono";
import { setCookie } from "hono/cookie";
import { cors } from "hono/cors";
import { cloneRawRequest } from "hono/request";
import { expect, test } from "vitest";
import { memoryStore } from "../stores/memory/index.ts";
import { onceHono } from "./hono.ts";

// Hono's peculiarities; the suites that all frameworks share are in test/frameworks.

const sent = (key: string, body: string | URLSearchParams = '{"item":"tea"}'): RequestInit => ({
  method: "POST",
  body,
  headers: key === "" ? {} : { "idempotency-key": key },
});

test("headers that middleware sets before are in answers, repeats and refusals", async () => {
  const app = new Hono();
  app.use(cors({ origin: "*" }));
  app.use(async (context, next) => {
    context.header("x-early", "1");
    await next();
    context.header("x-late", "1");
  });
  app.post("/orders", onceHono({ store: memoryStore(), scope: "public" }), (context) => context.json("ok", 201));
  for (const key of ["k", "k", ""]) {
    const answer = await app.request("/orders", sent(key));
    expect(answer.status).toBe(key === "" ? 400 : 201);
    expect(answer.headers.get("content-type")).toBe(key === "" ? "application/problem+json" : "application/json");
    for (const [name, value] of [
      ["access-control-allow-origin", "*"],
      ["x-early", "1"],
      ["x-late", "1"],
    ] as const) {
      expect(answer.headers.get(name)).toBe(value);
    }
  }
});

test("a body that was read before, by Hono as a form or past Hono, is refused", async () => {
  for (const readBefore of ["form", "past Hono"]) {
    const errors: unknown[] = [];
    const app = new Hono();
    app.use(async (context, next) => {
      await (readBefore === "form" ? context.req.formData() : context.req.raw.text());
      await next();
    });
    const once = onceHono({ store: memoryStore(), scope: "public", onError: (error) => errors.push(error) });
    app.post("/orders", once, () => expect.fail("ran"));
    const answer = await app.request("/orders", sent("k", new URLSearchParams({ item: "tea" })));
    expect([answer.status, await answer.text()]).toEqual([500, expect.stringContaining("ONCE_BODY_CONSUMED")]);
    expect(errors).toHaveLength(1);
  }
});

test("a body that Hono read before as bytes or text is taken from there", async () => {
  for (const how of ["arrayBuffer", "text", "json"] as const) {
    const app = new Hono();
    app.use(async (context, next) => {
      await context.req[how]();
      await next();
    });
    app.post("/orders", onceHono({ store: memoryStore(), scope: "public" }), async (context) =>
      context.json(await context.req.json()),
    );
    for (const replayed of [null, "true"]) {
      const answer = await app.request("/orders", sent("k"));
      expect(await answer.json()).toEqual({ item: "tea" });
      expect(answer.headers.get("idempotent-replayed")).toBe(replayed);
    }
    expect((await app.request("/orders", sent("k", '{"item":"coffee"}'))).status).toBe(422);
  }
});

test("middleware in front can read the request behind its response, of a first request, a repeat and a refusal", async () => {
  const bodies: unknown[] = [];
  const app = new Hono();
  app.use(async (context, next) => {
    await next();
    const { raw } = context.req;
    bodies.push([await context.req.text(), raw === context.req.raw, raw.headers.get("idempotency-key")]);
  });
  app.post("/orders", onceHono({ store: memoryStore(), scope: "public" }), (context) => context.json("ok", 201));
  const statuses = [];
  for (const body of ["tea", "tea", "coffee"]) statuses.push((await app.request("/orders", sent("k", body))).status);
  expect(statuses).toEqual([201, 201, 422]);
  expect(bodies).toEqual(["tea", "tea", "coffee"].map((body) => [body, true, "k"]));
});

test("a handler reads its request in every way and order, and changes to its headers are seen", async () => {
  const orders: ((req: Context["req"]) => Promise<unknown>)[] = [
    async (req) => [await req.json(), await req.text(), new TextDecoder().decode(await req.arrayBuffer())],
    async (req) => [await req.raw.json(), req.raw.bodyUsed, req.header("x-a")],
    async (req) => [await req.blob().then((blob) => blob.text()), await req.json()],
    async (req) => [await cloneRawRequest(req).then((clone) => clone.json()), await req.json()],
    async (req) => [await req.json(), await cloneRawRequest(req).then((clone) => clone.text())],
    async (req) => {
      req.raw.headers.set("x-a", "2");
      return [req.header("x-a"), req.header()["x-a"], await req.json(), await req.text()];
    },
    async (req) => {
      const before = req.header("x-a");
      req.raw = new Request(req.raw, { body: '{"item":"coffee"}', headers: { "x-a": "3" } });
      return [before, req.header("x-a"), await req.json(), await req.raw.text().catch(() => "read")];
    },
    async (req) => [await req.json()],
  ];
  const read = async (isGuarded: boolean, order: number): Promise<string> => {
    const app = new Hono();
    if (isGuarded) app.use(onceHono({ store: memoryStore(), scope: "public" }));
    app.post("/orders", async (context) => {
      const values = await orders[order]!(context.req).catch((error: unknown) => String(error));
      return context.json(values);
    });
    const body = order === orders.length - 1 ? "no JSON" : '{"item":"tea"}';
    return (
      await app.request("/orders", { ...sent("k", body), headers: { "idempotency-key": "k", "x-a": "1" } })
    ).text();
  };
  for (const order of orders.keys()) expect(await read(true, order), `order ${order}`).toBe(await read(false, order));
});

test("methods that middleware in front has put on a request are called", async () => {
  const app = new Hono();
  app.use(async ({ req }, next) => {
    const [json, header] = [req.json.bind(req), req.header.bind(req) as (name: string) => string | undefined];
    Object.assign(req, {
      json: async () => ({ ...(await json<object>()), extra: 1 }),
      header: (name: string) => (name === "x-user" ? "ada" : header(name)),
    });
    await next();
  });
  app.use(onceHono({ store: memoryStore(), scope: "public" }));
  app.post("/orders", async ({ req, json }) => json([req.header("x-user"), await req.json(), await req.text()]));
  const response = await app.request("/orders", sent("k", '{"item":"tea"}'));
  expect(await response.json()).toEqual(["ada", { item: "tea", extra: 1 }, '{"item":"tea"}']);
});

test("middleware behind can put another request in the place of the one that came", async () => {
  const app = new Hono();
  app.use(onceHono({ store: memoryStore(), scope: "public" }));
  app.use(async (context, next) => {
    context.req.raw = new Request(context.req.raw, { body: "coffee" });
    await next();
  });
  app.post("/orders", async (context) => context.text(await context.req.raw.text()));
  expect(await (await app.request("/orders", sent("k", "tea"))).text()).toBe("coffee");
});

test("scope can use the variables that a middleware in front has set, by their types where the context is named", async () => {
  interface Env {
    Variables: { account: string };
  }
  const options = { store: memoryStore() };
  const app = new Hono<Env>();
  app.use(async (context, next) => {
    context.set("account", context.req.header("authorization") ?? "");
    await next();
  });
  const named = onceHono({ ...options, scope: (context: Context<Env>) => context.get("account") });
  // @ts-expect-error -- There is no such variable.
  onceHono({ ...options, scope: (context: Context<Env>) => context.get("unknown") });
  app.post("/named", named, (context) => context.text(context.get("once").scope + context.get("account")));
  app.post("/inline", onceHono({ ...options, scope: (context) => context.get("account") }), (context) =>
    context.text(context.get("once").scope + context.get("account")),
  );
  for (const path of ["/named", "/inline"]) {
    const headers = { "idempotency-key": path, authorization: "acme" };
    expect(await (await app.request(path, { method: "POST", headers })).text()).toBe("acmeacme");
  }
});

test("cookies of a first answer go to its caller alone, HEAD passes through, and a stream that fails is no success", async () => {
  const errors: unknown[] = [];
  const app = new Hono();
  const once = onceHono({ store: memoryStore(), scope: "public", onError: (error) => errors.push(error) });
  app.use("/*", once);
  app.on(["GET", "POST"], "/orders", (context) => {
    setCookie(context, "session", "7");
    return context.text("made", 201);
  });
  const broken = (): Response =>
    new Response(
      new ReadableStream({
        start: (controller) => controller.enqueue(new TextEncoder().encode("half")),
        pull: (controller) => controller.error(new Error("broken")),
      }),
    );
  app.post("/broken", broken);
  const cookies = [];
  for (let time = 0; time < 2; time += 1) {
    const answer = await app.request("/orders", sent("k"));
    cookies.push(answer.headers.getSetCookie());
    expect(await answer.text()).toBe("made");
  }
  expect(cookies).toEqual([["session=7; Path=/"], []]);
  const head = await app.request("/orders", { method: "HEAD", headers: { "idempotency-key": "k" } });
  expect([head.status, await head.text(), head.headers.get("idempotency-key-policy")]).toEqual([
    201,
    "",
    expect.stringContaining("required"),
  ]);
  for (const replayed of [null, "true"]) {
    const answer = await app.request("/broken", sent("broken"));
    expect([answer.status, answer.headers.get("idempotent-replayed")]).toEqual([500, replayed]);
  }
  expect(errors).toEqual([new Error("broken")]);
});
