import { describe, expect, test } from "vitest";
import { keepsOrder } from "../../../../../test/support/keeps-order.ts";
import { fakeClock } from "../../../../testing/src/fake-clock.ts";
import { memoryStore } from "./store.ts";

const claim = { scope: "acme", fingerprint: "f", owner: "me", leaseMs: 100, retentionMs: 1000 };

describe("the memory store", () => {
  keepsOrder(memoryStore);

  test("refuses a claim when it is full, rather than to forget a key, and goes on when keys expire", async () => {
    const clock = fakeClock();
    const store = memoryStore({ clock, recordsMax: 2 });
    await store.claim({ ...claim, key: "1" });
    await store.claim({ ...claim, key: "2" });
    expect(() => store.claim({ ...claim, key: "3" })).toThrow(
      expect.objectContaining({ code: "ONCE_STORE_UNAVAILABLE" }),
    );
    expect(await store.complete({ ...claim, key: "1", result: new Uint8Array() })).toBe(true);
    expect((await store.claim({ ...claim, key: "1", owner: "other" })).kind).toBe("done");
    await clock.advance(1000);
    expect((await store.claim({ ...claim, key: "3" })).kind).toBe("acquired");
  });

  test("says that it survives nothing, and checks its options", () => {
    expect(memoryStore().survivesFailover).toBe("no");
    for (const recordsMax of [0, 1.5, Number.NaN]) {
      expect(() => memoryStore({ recordsMax })).toThrow(expect.objectContaining({ code: "ONCE_OPTION_INVALID" }));
    }
  });
});
