import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { d1Store } from "../../packages/once-again/src/cloudflare/index.ts";
import { storeContract, transactionContract } from "../../packages/testing/src/index.ts";
import { startWorker, type Worker } from "../support/servers/workerd.ts";

// The contracts run in a Worker, under Cloudflare's own runtime; their names are known here, too.

let worker: Worker;

beforeAll(async () => {
  worker = await startWorker(join(import.meta.dirname, "contracts.ts"), {
    // The contracts are for Node. What they try needs none of it: see bindings.test.ts.
    compatibilityFlags: ["nodejs_compat"],
    d1Databases: { DB: "keys" },
    durableObjects: { ACCOUNT: { className: "Account", useSQLite: true } },
  });
});
afterAll(() => worker?.[Symbol.asyncDispose]());

const ask = async (...path: string[]): Promise<string> => {
  const url = `http://worker/${path.map(encodeURIComponent).join("/")}`;
  return (await worker.miniflare.dispatchFetch(url)).text();
};

const never = (): never => expect.unreachable("only the names are asked for here");
const names = {
  "durable objects": storeContract({ open: never, breakRecord: never }),
  d1: storeContract({ open: never, breakRecord: never }),
  "d1, transactions": transactionContract({ open: never, exclusive: false, statements: false, marks: false }),
};

for (const [contract, cases] of Object.entries(names)) {
  describe(contract, () => {
    test("the Worker has every case", async () => {
      expect(JSON.parse(await ask(contract))).toEqual(cases.map(({ name }) => name));
    });
    for (const { name } of cases) {
      test(name, async () => expect(await ask(contract, name)).toBe("passed"));
    }
  });
}

test("a result that is larger than a row of D1 may be is refused by its size, and its key stays held", async () => {
  const store = d1Store(await worker.miniflare.getD1Database("DB"));
  await store.migrate();
  const claim = { scope: "large", key: "order-7", fingerprint: "f", owner: "me", leaseMs: 60_000, retentionMs: 60_000 };
  await store.claim(claim);
  const tooLarge = { code: "ONCE_RESULT_TOO_LARGE" };
  await expect(store.complete({ ...claim, result: new Uint8Array(1_900_001) })).rejects.toMatchObject(tooLarge);
  const step = { ...claim, step: "one", result: new Uint8Array(1_800_000) };
  await expect(store.checkpoint(step)).rejects.toMatchObject(tooLarge);
  expect(await store.inspect(claim)).toMatchObject({ state: "running" });
  expect(await store.complete({ ...claim, result: new Uint8Array(1_900_000) })).toBe(true);
});
