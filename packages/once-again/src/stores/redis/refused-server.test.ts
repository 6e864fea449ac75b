import { expect, test } from "vitest";
import { fakeClock } from "../../../../testing/src/fake-clock.ts";
import { codeOf, operation } from "../../../../../test/support/engine-bench.ts";
import { leasedEngine } from "../../engine/leased-engine.ts";
import { redisStoreOn } from "./store.ts";

test.for(["release", "claim"] as const)(
  "a key that was claimed of a server that will not do is given back, also where that fails at first: %s",
  async (failing) => {
    const clock = fakeClock(1_700_000_000_000);
    const asked: string[] = [];
    let isHeld = false;
    const client = {
      async callBuffer(command: string, ...rest: (string | Buffer)[]): Promise<unknown> {
        if (command === "INFO") return "redis_version:7.4.0\r\nmaxmemory_policy:allkeys-lru\r\n";
        const script = String(rest[3]);
        asked.push(script);
        isHeld = script === "claim";
        if (script === failing && asked.filter((other) => other === failing).length <= 2) {
          // A claim that failed is executed later.
          clock.timer(5000 * asked.length, () => (isHeld ||= script === "claim"));
          isHeld = script === "release";
          throw new Error("ECONNRESET");
        }
        return script === "claim" ? [clock.now(), "acquired", 1, 1, Buffer.alloc(0)] : 1;
      },
    };
    const engine = leasedEngine(redisStoreOn(client, {}, clock), { clock, onError: () => undefined });
    const outcome = codeOf(engine.run(operation, () => expect.fail("ran")));
    await clock.advance(100_000);
    expect(await outcome).toBe("ONCE_STORE_UNAVAILABLE");
    expect(isHeld).toBe(false);
    expect(clock.pending).toBe(0);
  },
);
