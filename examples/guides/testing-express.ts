import { createServer, type IncomingMessage } from "node:http";
import { test } from "node:test";
import express from "express";
import { onceExpress } from "once-again/express";
import { memoryStore } from "once-again/stores/memory";
import { assertIdempotentHandler } from "@once-again/testing";

const orders: unknown[] = [];
/** Stands for your authentication: the account of checked credentials. A stranger has no account. */
const accountOf = ({ headers }: IncomingMessage): string | undefined => headers["x-account"]?.toString();
const once = onceExpress({ store: memoryStore(), scope: (request) => accountOf(request)! });
const app = express();
app.use((request, response, next) => {
  if (accountOf(request) === undefined) response.sendStatus(401);
  else next();
});
app.post("/orders", once, express.json(), (request, response) => {
  orders.push(request.body);
  response.status(201).json({ order: orders.length });
});

void test("an order happens once, whatever the network does", async () => {
  await assertIdempotentHandler(createServer(app), {
    path: "/orders",
    headers: { "x-account": "acme" },
    body: '{"item":"coffee","reference":"{{unique}}"}',
    effects: () => orders.length,
  });
});
