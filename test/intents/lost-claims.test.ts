import { setTimeout } from "node:timers/promises";
import { Pool } from "pg";
import { expect, onTestFinished, test } from "vitest";
import { type IntentEvent, openIntents } from "../../packages/once-again/src/intents/index.ts";
import { postgresIntents } from "../../packages/once-again/src/stores/postgres/index.ts";
import { scriptedServer } from "../support/scripted-server.ts";
import { cutProxy } from "../support/servers/cut-proxy.ts";
import { describeWithServer } from "../support/servers/describe-with-server.ts";
import { postgresBinary, startPostgres } from "../support/servers/postgres.ts";

/** Words that only a claim has; a connection sends them with its first one. */
const claimWords = "WITH held";

/** Intents in PostgreSQL through a proxy, for a server that is not known to honour keys: an intent in doubt ends as unknown. */
async function bench(leaseMs: number) {
  const postgres = await startPostgres();
  const proxy = await cutProxy(Number(new URL(postgres.url).port));
  const url = new URL(postgres.url);
  url.port = String(proxy.port);
  const pool = new Pool({ connectionString: url.href });
  pool.on("error", () => undefined);
  const store = postgresIntents(pool);
  await store.migrate();
  const api = await scriptedServer();
  const openProcess = () => {
    const intents = openIntents({ store, leaseMs, pollMs: 20, budget: "off", resumeBackoff: () => 5 });
    const events: IntentEvent[] = [];
    intents.watch((event) => events.push(event));
    return { intents, events };
  };
  const first = openProcess();
  onTestFinished(async () => {
    await first.intents.close();
    await pool.end();
    await proxy[Symbol.asyncDispose]();
    await postgres[Symbol.asyncDispose]();
  });
  return { ...first, openProcess, proxy, store, api, order: { url: api.url, body: "tea" } };
}

describeWithServer("the answer of a claim is lost on its way from PostgreSQL", postgresBinary, () => {
  test.for([1, 2, 7])("%i times: the intents end well, with one effect each", async (times) => {
    const { intents, events, proxy, store, api, order } = await bench(60_000);
    let left = times;
    const cut = (): void => {
      left -= 1;
      if (left > 0) proxy.cutNextAnswer(claimWords, cut);
    };
    proxy.cutNextAnswer(claimWords, cut);
    const outcomes = await Promise.all([intents.submit("a", order), intents.submit("b", order)]);
    expect(outcomes).toMatchObject([{ state: "done" }, { state: "done" }]);
    expect([proxy.answersCut, left, api.received.length]).toEqual([times, 0, 2]);
    expect(await store.list({ state: "unknown" })).toEqual([]);
    expect(events.filter((event) => event.type === "sending")).toMatchObject([
      { claim: 1, inDoubt: false },
      { claim: 1, inDoubt: false },
    ]);
  });

  test("and the store can't be reached until its lease is over: the intent ends well", async () => {
    const leaseMs = 2000;
    const { intents, proxy, api, order } = await bench(leaseMs);
    proxy.cutNextAnswer(claimWords, () => proxy.cut());
    const outcome = intents.submit("a", order);
    while (proxy.answersCut === 0) await setTimeout(5);
    await setTimeout(leaseMs + 50);
    proxy.heal();
    expect(await outcome).toMatchObject({ state: "done" });
    expect(api.received).toHaveLength(1);
  });

  test("and the process dies: for the next one it is in doubt, since no process knows what was sent", async () => {
    const { openProcess, proxy, store, api, order, intents } = await bench(60_000);
    await intents.add("a", order);
    await intents.close();
    const owner = "who dies";
    proxy.cutNextAnswer(owner);
    await expect(store.claim({ owner, leaseMs: 50, limit: 1 })).rejects.toThrow();
    const next = openProcess();
    await next.intents.resume();
    await next.intents.close();
    expect(await store.inspect("a")).toMatchObject({ state: "unknown", why: "keys" });
    expect(api.received).toEqual([]);
  });
});
