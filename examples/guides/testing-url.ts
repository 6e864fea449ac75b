import { test } from "node:test";
import { assertIdempotentHandler } from "@once-again/testing";

const server = process.env["ORDERS_SERVER"] ?? "http://127.0.0.1:3001";

void test("an order happens once, whatever the network does", async () => {
  await assertIdempotentHandler(`${server}/orders`, {
    body: '{"item":"coffee","reference":"{{unique}}"}',
    effects: async () => Number(await (await fetch(`${server}/count`)).text()),
  });
});
