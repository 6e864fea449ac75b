import { expect, test } from "vitest";
import { runLoad } from "../proof/gateway-load/run-load.ts";
import { describeWithServer } from "../support/servers/describe-with-server.ts";
import { redisBinary } from "../support/servers/redis.ts";

describeWithServer("a gateway under load, while its Redis is killed and comes back", redisBinary, () => {
  test("refuses keyed requests meanwhile, passes all others on, and lets nothing hang", async () => {
    const result = await runLoad({ connections: 200, phaseMs: 1000, growthMiBMax: Number.POSITIVE_INFINITY });
    expect(result.breaches, JSON.stringify(result, undefined, 2)).toEqual([]);
  });
});
