import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import { retryingFetch } from "once-again/client";
import { onceNode } from "once-again/node";
import { constantBackoff } from "once-again";
import { memoryStore } from "once-again/stores/memory";
import { flakyNetwork } from "@once-again/testing";

/** Your caller. A test gives it shorter waits. */
const placeOrder = async (url: string): Promise<number> => {
  const fetch = retryingFetch({ keys: [url], backoff: constantBackoff({ delayMs: 10 }) });
  return (await fetch(`${url}/orders`, { method: "POST", body: "coffee" })).status;
};

void test("an order is placed once if its response is lost twice", async () => {
  let orders = 0;
  const place = onceNode({ store: memoryStore(), scope: "public" }, (_request, response) => {
    orders += 1;
    response.writeHead(201).end();
  });
  const server = createServer((request, response) => void place(request, response)).listen(0, "127.0.0.1");
  await once(server, "listening");
  const network = await flakyNetwork({ upstream: { port: (server.address() as AddressInfo).port } });

  network.next({ scenario: "lose-answer" }, { scenario: "lose-request" }, { scenario: "lose-answer" });
  assert.equal(await placeOrder(network.url), 201);
  assert.equal(orders, 1);
  assert.equal(network.counts.pass, 1);

  await network.close();
  server.close();
});
