import express from "express";
import { expect, test } from "vitest";
import { leasedEngine } from "../../packages/once-again/src/engine/index.ts";
import { onceExpress } from "../../packages/once-again/src/frameworks/express.ts";
import { onceWeb } from "../../packages/once-again/src/frameworks/web.ts";
import type { NodeExecution } from "../../packages/once-again/src/frameworks/node.ts";
import { memoryStore } from "../../packages/once-again/src/stores/memory/index.ts";
import { operation } from "../support/engine-bench.ts";
import { startHttpServer } from "../support/http-server.ts";

// A lazily made value is an own property all the same: a handler may hand on a copy with more properties.

const request = { method: "POST", headers: { "idempotency-key": "k" }, body: "tea" } as const;
const names = ["abandoned", "attempt", "fence", "key", "noEffect", "scope", "signal", "step", "transaction"];

test("an execution that is spread has its signal and its steps", async () => {
  const engine = leasedEngine(memoryStore(), {});
  await engine.run(operation, async (execution) => {
    const copy = { ...execution, more: 1 };
    expect(Object.keys(copy).toSorted()).toEqual([...names, "more"].toSorted());
    expect([copy.signal, copy.step]).toEqual([execution.signal, execution.step]);
    expect(copy.signal).toBe(execution.signal);
    return { effect: "done", result: new Uint8Array() };
  });
});

test("an execution that is spread may still say that nothing happened", async () => {
  let runs = 0;
  const orders = onceWeb({ store: memoryStore(), scope: "public" }, async (_request, execution) => {
    const copy = { ...execution };
    expect(Object.keys(copy).toSorted()).toEqual(names);
    expect(copy.signal.aborted).toBe(false);
    copy.noEffect();
    return new Response(String((runs += 1)));
  });
  for (const expected of ["1", "2"]) {
    const answer = await orders(new Request("http://a.test/orders", request));
    expect(await answer.text()).toBe(expected);
  }
});

test("an execution on Node's HTTP that is spread has its body", async () => {
  const app = express();
  app.post("/orders", onceExpress({ store: memoryStore(), scope: "public" }), (_request, response) => {
    const { body, signal } = { ...(response.locals["once"] as NodeExecution) };
    response.send(`${String(body)} ${String(signal.aborted)}`);
  });
  const answer = await fetch(`${await startHttpServer(app)}/orders`, request);
  expect(await answer.text()).toBe("tea false");
});
