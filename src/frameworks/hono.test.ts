import { Hono } from "hono";
import { cors } from "hono/cors";
import { expect, test } from "vitest";
import { memoryStore } from "../stores/memory/index.ts";
import { onceHono } from "./hono.ts";

// What is Hono's own; what all frameworks share is in test/frameworks.

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

test("a body that Hono read before as a form, or somebody past Hono, is refused", async () => {
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
