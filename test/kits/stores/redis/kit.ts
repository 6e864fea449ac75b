import { redisKit } from "../../../../packages/once-again/src/stores/redis/kit.ts";
import { redisBinary, startRedis, valkeyBinary } from "../../../support/servers/redis.ts";
import type { TestedStore } from "../../store-kit.ts";

export const redis: TestedStore = {
  kit: redisKit,
  servers: [
    {
      title: "Redis",
      binary: redisBinary,
      start: (within) => startRedis({ within }),
      variable: "ONCE_AGAIN_REDIS_URL",
    },
    {
      title: "Valkey",
      binary: valkeyBinary,
      start: (within) => startRedis({ binary: valkeyBinary, within }),
      variable: "ONCE_AGAIN_VALKEY_URL",
    },
  ],
  parts: async () => (await import("./parts.ts")).redisParts,
  contract: {
    not: {
      "expired records are purged, up to the limit, and no others": "Redis removes a record as soon as it expires",
      "expired records of one scope are purged, up to the limit, and no others":
        "Redis removes a record as soon as it expires",
    },
  },
  crash: {
    engine: async () => (await import("./crash.ts")).redisEngine,
    operations: [
      "paused-writes",
      "ended-connections",
      "full-memory",
      "full-disk",
      "rolling-restart",
      "stalled-event-loop",
      "moved-clocks",
    ],
  },
  failover: async () => (await import("./failover.ts")).redisClusterEngine,
  without: {},
};
