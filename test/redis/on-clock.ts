import type { Clock } from "../../packages/once-again/src/core/clock.ts";
import { type RedisCommand, redisConnection } from "../../packages/once-again/src/stores/redis/client.ts";
import type { IoredisCluster, RedisClient } from "../../packages/once-again/src/stores/redis/index.ts";

/**
 * A client whose server seems to have another clock: the script is given the clock's time instead of asking the server
 * for its own. Redis itself expires nothing then, so that the script's own test for expiry is what decides.
 */
export function onClock(client: RedisClient, clock: Clock): IoredisCluster {
  const { send } = redisConnection(client);
  return {
    callBuffer: async (...command) => {
      const [name, script, count, key, ...rest] = command as [string, ...string[]];
      if (name === "EVALSHA") throw new Error("NOSCRIPT No matching script.");
      return send(String(key), [name, withTime(script!, clock.now()), count, key, ...rest] as unknown as RedisCommand);
    },
    nodes: () => ("nodes" in client ? client.nodes("master") : [{ callBuffer: (...command) => send("", command) }]),
  };
}

function withTime(script: string, now: number): string {
  const time = `{'${Math.floor(now / 1000)}', '${(now % 1000) * 1000}'}`;
  return script.replace("redis.call('TIME')", time).replace(", 'PXAT', kept_until", "");
}
