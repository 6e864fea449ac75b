import type { FailoverEngine } from "./engine.ts";
import { natsEngine } from "./nats.ts";
import { postgresStandbyEngine } from "./postgres-standby.ts";
import { redisClusterEngine } from "./redis-cluster.ts";

export const engines: readonly FailoverEngine[] = [redisClusterEngine, natsEngine, postgresStandbyEngine];
