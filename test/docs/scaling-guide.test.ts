import { expect, test } from "vitest";
import { memoryStore } from "../../packages/once-again/src/stores/memory/index.ts";
import type { Store } from "../../packages/once-again/src/stores/store.ts";
import { longClaim } from "../support/long-claim.ts";

test("a store for each group of tenants: each key is where its scope says, and nowhere else", async () => {
  const stores = [memoryStore(), memoryStore()];
  const groupOf = (scope: string): number => (scope === "acme" ? 0 : 1);
  const named = ["claim", "complete", "renew", "release", "checkpoint", "inspect", "resolve"] as const;
  const store = {
    ...stores[0]!,
    ...Object.fromEntries(
      named.map((name) => [
        name,
        (request: { scope: string }) => stores[groupOf(request.scope)]![name](request as never),
      ]),
    ),
  } as Store;

  for (const scope of ["acme", "umbrella"]) {
    const claim = { ...longClaim("key"), scope };
    expect(await store.claim(claim)).toMatchObject({ kind: "acquired" });
    expect(await store.complete({ ...claim, result: Uint8Array.of(1) })).toBe(true);
    expect(await store.claim({ ...claim, owner: "another" })).toMatchObject({ kind: "done" });
    const found = await Promise.all(stores.map(async (one) => one.inspect({ scope, key: "key" })));
    expect(found.map((record) => record !== undefined)).toEqual([scope === "acme", scope === "umbrella"]);
  }
});
