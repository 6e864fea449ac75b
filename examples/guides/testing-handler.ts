import { test } from "node:test";
import { Hono } from "hono";
import { onceHono } from "once-again/hono";
import { memoryStore } from "once-again/stores/memory";
import { assertIdempotentHandler } from "@once-again/testing";

let orders = 0;
const app = new Hono();
app.post("/orders", onceHono({ store: memoryStore(), scope: "public" }), async (context) => {
  const { item } = await context.req.json<{ item: string }>();
  orders += 1;
  return context.json({ order: orders, item }, 201);
});

void test("an order happens once, whatever the network does", async () => {
  await assertIdempotentHandler(app.fetch, {
    path: "/orders",
    body: '{"item":"coffee","reference":"{{unique}}"}',
    effects: () => orders,
  });
});
