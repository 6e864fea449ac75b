import { natsStore } from "../../../../packages/once-again/src/stores/nats/index.ts";
import { bucket, lostAfterMs, natsConnection } from "../../../nats/buckets.ts";
import { natsBinary, startNats } from "../../../support/servers/nats.ts";
import { repeatUntilAnswered } from "../../../support/store-load.ts";
import type { CrashEngine } from "../../../proof/crash/engine.ts";

export const natsEngine: CrashEngine = {
  name: "nats",
  modes: ["hold"],
  server: {
    binary: natsBinary,
    start: (within) => startNats(undefined, within),
    claiming: { hold: '"state":"running"' },
    completing: { hold: '"state":"done"' },
    stopsWhenFull: true,
  },
  async open(url) {
    const connection = await natsConnection([Number(new URL(url).port)]);
    const kv = await bucket(connection, "keys", 1, lostAfterMs);
    const store = await repeatUntilAnswered(() => natsStore(kv));
    return { store, prepare: async () => undefined, close: () => connection.close() };
  },
};
