import { describe, expect, test } from "vitest";
import { appDatabase } from "../../../../test/support/app-database.ts";
import { effectsDatabase } from "../../../../test/support/effects-database.ts";
import { codeOf } from "../../../../test/support/engine-bench.ts";
import { sharedStores } from "../../../../test/support/shared-stores.ts";
import { temporaryFolder } from "../../../../test/support/temporary-folder.ts";
import { memoryStore } from "./memory/index.ts";
import { sqliteStore } from "./sqlite/index.ts";
import { fakeClock, storeContract, transactionContract } from "../../../testing/src/index.ts";
import { sealedStore } from "./sealed-store.ts";
import type { SealKey } from "./sealer.ts";

const key = (id: string, byte: number): SealKey => ({ id, secret: new Uint8Array(32).fill(byte) });
const [old, young] = [key("2026", 1), key("2027", 2)];
const name = { scope: "acme", key: "order-1" };
const claim = { ...name, fingerprint: "f", owner: "me", leaseMs: 1000, retentionMs: 2000 };
const secretText = new TextEncoder().encode("the answer is 42");

describe("a sealed store is a store", () => {
  const clock = fakeClock(1_700_000_000_000);
  const open = sharedStores(() => sealedStore(memoryStore({ clock }), [young, old]));
  for (const { name, run } of storeContract({ clock, open })) test(name, run);

  const transactions = transactionContract({
    parallel: false,
    open(records) {
      const ground = effectsDatabase(records);
      return { ...ground, store: sealedStore(ground.store, [young, old]) };
    },
  });
  for (const { name, run } of transactions) test(name, run);
});

test("what is stored shows neither results nor checkpoints, and no two seals are alike", async () => {
  const inner = memoryStore();
  const store = sealedStore(inner, [young]);
  await store.claim(claim);
  await store.checkpoint({ ...claim, step: "1", result: secretText });
  const sealedStep = (await inner.inspect(name))?.record.checkpoints["1"];
  await store.complete({ ...claim, result: secretText });
  const sealedResult = (await inner.inspect(name))?.record.result;
  for (const bytes of [sealedStep, sealedResult]) {
    expect(new TextDecoder().decode(bytes)).not.toContain("answer");
    expect(bytes?.length).toBeGreaterThan(secretText.length);
  }
  expect(sealedStep).not.toEqual(sealedResult);
  expect((await store.inspect(name))?.record.result).toEqual(secretText);
});

test("a key in front seals, the ones behind it still open", async () => {
  const inner = memoryStore();
  const before = sealedStore(inner, [old]);
  await before.claim(claim);
  await before.complete({ ...claim, result: secretText });
  expect(await sealedStore(inner, [young, old]).claim(claim)).toEqual({ kind: "done", result: secretText });
  expect(await codeOf(sealedStore(inner, [young]).claim(claim))).toBe("ONCE_SEAL_BROKEN");
});

test("a checkpoint that was moved to another step, or made the result, is not opened", async () => {
  const inner = memoryStore();
  const store = sealedStore(inner, [young]);
  await store.claim(claim);
  await store.checkpoint({ ...claim, step: "1", result: secretText });
  const sealed = (await inner.inspect(name))!.record.checkpoints["1"]!;
  await inner.checkpoint({ ...claim, step: "2", result: sealed });
  expect(await codeOf(store.inspect(name))).toBe("ONCE_SEAL_BROKEN");
  await inner.complete({ ...claim, result: sealed });
  expect(await codeOf(store.inspect(name))).toBe("ONCE_SEAL_BROKEN");
});

test("bytes that were changed, or moved to another record, are not opened", async () => {
  const inner = memoryStore();
  const store = sealedStore(inner, [young]);
  await store.claim(claim);
  await store.complete({ ...claim, result: secretText });
  const sealed = (await inner.inspect(name))!.record.result!;
  const changed = sealed.with(sealed.length - 1, (sealed.at(-1) ?? 0) ^ 1);
  for (const [other, result] of [
    ["moved", sealed],
    ["changed", changed],
    ["cut", sealed.subarray(0, 3)],
    ["empty", new Uint8Array()],
  ] as const) {
    await inner.claim({ ...claim, key: other });
    await inner.complete({ ...claim, key: other, result });
    expect(await codeOf(store.claim({ ...claim, key: other })), other).toBe("ONCE_SEAL_BROKEN");
  }
});

test("transactions are sealed too", async () => {
  const { store: inner } = appDatabase();
  const store = sealedStore(inner, [young]);
  const work = async () => ({ keep: "commit", result: secretText, value: "first" }) as const;
  expect(await store.transact(claim, work)).toEqual({ kind: "executed", value: "first" });
  expect(await store.transact(claim, work)).toEqual({ kind: "done", result: secretText });
  expect(new TextDecoder().decode((await inner.inspect(name))?.record.result)).not.toContain("answer");
  await store.claim({ ...claim, key: "steps" });
  const step = { ...claim, key: "steps", step: "1" };
  expect(await store.transactStep(step, async () => secretText)).toEqual(secretText);
  expect(await store.transactStep(step, async () => expect.fail("ran again"))).toEqual(secretText);
});

test("seal keys need an id of their own and 16 or 32 bytes", () => {
  const store = sqliteStore({ path: `${temporaryFolder()}/keys.db` });
  for (const keys of [[], [old, old], [key("", 1)], [{ id: "short", secret: new Uint8Array(8) }]]) {
    expect(() => sealedStore(store, keys)).toThrow(expect.objectContaining({ code: "ONCE_OPTION_INVALID" }));
  }
});
