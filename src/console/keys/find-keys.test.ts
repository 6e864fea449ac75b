import { expect, test } from "vitest";
import { memoryStore } from "../../stores/memory/index.ts";
import { findKeys } from "./find-keys.ts";

const claim = { owner: "worker", fingerprint: "f", leaseMs: 60_000, retentionMs: 60_000 };

test("a key is found without its scope, the whole name before those that begin with it", async () => {
  const store = memoryStore();
  for (const [scope, key] of [
    ["acme", "order-10"],
    ["beta", "order-1"],
    ["beta", "other"],
    ["zeta", "order-1"],
  ] as const) {
    await store.claim({ ...claim, scope, key });
  }
  const { keys, looked, isWhole } = await findKeys(store, "order-1", {});
  expect(keys.map(({ scope, key }) => `${scope} ${key}`)).toEqual(["beta order-1", "zeta order-1", "acme order-10"]);
  expect({ looked, isWhole }).toEqual({ looked: 4, isWhole: true });
  expect((await findKeys(store, "order-1", { scope: "zeta" })).keys).toHaveLength(1);
});

test("no more than 20,000 keys are looked at, and it is said so", async () => {
  const page = Array.from({ length: 1000 }, (_, index) => ({ scope: "acme", key: `key-${index}` }));
  let pages = 0;
  const store = { list: async () => ((pages += 1), page as never) };
  expect(await findKeys(store, "order", {})).toEqual({ keys: [], looked: 20_000, isWhole: false });
  expect(pages).toBe(20);
});
