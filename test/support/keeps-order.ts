import { expect, test } from "vitest";
import type { Store } from "../../packages/once-again/src/stores/store.ts";
import { longClaim } from "./long-claim.ts";

/**
 * A property of stores with one connection, beyond the contract: the engine's release of a claim that it gave up on then
 * comes
 * after that claim, and leaves nothing behind.
 */
export function keepsOrder(open: () => Store): void {
  test("operations asked for one after the other, without waiting, take effect in that order", async () => {
    const store = open();
    const claim = longClaim("k");
    const [claimed, released] = await Promise.all([store.claim(claim), store.release(claim)]);
    expect([claimed.kind, released]).toEqual(["acquired", true]);
    expect(await store.inspect(claim)).toBeUndefined();
  });
}
