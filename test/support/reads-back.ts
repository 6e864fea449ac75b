import { expect } from "vitest";
import type { TransactionalStore } from "../../packages/once-again/src/stores/store.ts";
import { longClaim } from "./long-claim.ts";

const result = Uint8Array.of(0, 1, 255);
const never = (): never => expect.fail("ran again");

/** Stores a result of each kind and a mark in a store that was empty, and expects to read them as they were stored. */
export async function expectToReadBack<Transaction>(store: TransactionalStore<Transaction>): Promise<void> {
  const claim = longClaim("k");
  expect((await store.claim(claim)).kind).toBe("acquired");
  expect(await store.checkpoint({ ...claim, step: "s", result })).toBe(true);
  expect((await store.claim(longClaim("k"))).kind).toBe("in-progress");
  expect(await store.complete({ ...claim, result })).toBe(true);
  expect(await store.claim(longClaim("k"))).toEqual({ kind: "done", result });
  expect((await store.list({}))[0]).toMatchObject({ state: "done", record: { attempt: 1, result } });
  expect(await store.inspect(claim)).toMatchObject({ state: "done", record: { attempt: 1 } });
  expect(await store.purge({ limit: 10 })).toBe(0);
  expect(await store.health!()).toEqual({ isHealthy: true, problems: [] });

  const operation = { scope: "acme", key: "order-7", fingerprint: "f", retentionMs: 60_000 };
  const commit = { keep: "commit", result, value: "ran" } as const;
  expect((await store.transact(operation, async () => commit)).kind).toBe("executed");
  expect(await store.transact(operation, never)).toEqual({ kind: "done", result });
  const mark = { scope: "s", key: "p", position: 7 };
  const move = () =>
    store.transactUnkeyed(async (transaction) => ({ ...commit, value: await store.moveMark!(transaction, mark) }));
  expect((await move()).kind).toBe("moved");
  expect((await move()).kind).not.toBe("moved");
}
