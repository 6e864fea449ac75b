import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { seededRandom } from "once-again";
import { expect, test } from "vitest";
import { type Child, startChild } from "../support/child.ts";
import { post, startHttpServer } from "../support/http-server.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const operations = 60;

/** A careless back end: it has an effect for each request, and takes its time before and after it. */
async function carelessServer(): Promise<{ url: string; effects: Map<string, number> }> {
  const effects = new Map<string, number>();
  const url = await startHttpServer(async (request, response) => {
    const key = String(request.headers["idempotency-key"]);
    request.resume();
    await setTimeout(5);
    effects.set(key, (effects.get(key) ?? 0) + 1);
    await setTimeout(5);
    response.end(`effect of ${key}`);
  });
  return { url, effects };
}

test("two gateways on one store, killed again and again: no effect happens twice, and no outcome is unnamed", async () => {
  const seed = Date.now();
  const random = seededRandom(seed);
  const { url, effects } = await carelessServer();
  const path = join(temporaryFolder(), "keys.db");
  const start = (): Child => startChild("../gateway/gateway-child.ts", url, path);
  const gateways = [start(), start()];
  const urls = [await gateways[0]!.line(), await gateways[1]!.line()];
  const ended = new Set<string>();
  const named = new Set<string>();

  /** Sends one operation until its outcome is known, or known to be unknown. */
  const send = async (key: string): Promise<void> => {
    for (;;) {
      const response = await post(urls[Math.floor(random() * 2)]!, key).catch(() => undefined);
      const text = await response?.text().catch(() => undefined);
      if (response?.status === 200 && text === `effect of ${key}`) return void ended.add(key);
      if (text?.includes("ONCE_OUTCOME_UNKNOWN")) return void named.add(key);
      await setTimeout(20);
    }
  };
  const over = new AbortController();
  const killing = (async () => {
    while (!over.signal.aborted) {
      await setTimeout(100 + random() * 400);
      const at = Math.floor(random() * 2);
      await gateways[at]!.kill();
      gateways[at] = start();
      urls[at] = await gateways[at].line();
    }
  })();
  const keys = Array.from({ length: operations }, (_, index) => `order-${index}`);
  const work = async (): Promise<void> => {
    for (let key = keys.pop(); key !== undefined; key = keys.pop()) await Promise.all([send(key), send(key)]);
  };
  await Promise.all([work(), work(), work(), work()]);
  over.abort();
  await killing;

  const twice = [...effects].filter(([, count]) => count > 1);
  expect(twice, `seed ${seed}`).toEqual([]);
  // An operation that was answered as done did happen, and none was answered both ways.
  expect([...ended].filter((key) => effects.get(key) !== 1 || named.has(key))).toEqual([]);
  expect(ended.size + named.size).toBe(operations);
  expect(ended.size).toBeGreaterThan(0);
});
