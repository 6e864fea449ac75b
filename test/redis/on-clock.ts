import type { Clock } from "../../packages/once-again/src/core/clock.ts";
import {
  type IoredisCluster,
  type RedisClient,
  redisConnection,
} from "../../packages/once-again/src/stores/redis/client.ts";

/**
 * A client of a server that seems to have another clock. Every command is run by a script that is given that clock's time:
 * TIME answers with it, and a key lasts by it. When a key is to be removed is in another key.
 */
export function onClock(client: RedisClient, clock: Clock): IoredisCluster {
  const { send } = redisConnection(client);
  const run = (script: string, key: string, rest: readonly (string | Buffer)[]): Promise<unknown> =>
    send(key, ["EVAL", `${serverWithTime(clock.now())}${script}`, "2", key, `removed-at:${key}`, ...rest]);
  return {
    callBuffer: async (...command) => {
      const [name, ...rest] = command as [string, ...string[]];
      switch (name) {
        case "EVALSHA":
          throw new Error("NOSCRIPT No matching script.");
        case "EVAL":
          return run(rest[0]!.replace(/^#!lua.*/, ""), rest[2]!, command.slice(4));
        case "SET":
          if (rest.includes("IFEQ")) throw new Error("ERR syntax error");
          return run("return redis.call('SET', KEYS[1], unpack(ARGV))", rest[0]!, command.slice(2));
        default:
          return send("", command);
      }
    },
    nodes: () => ("nodes" in client ? client.nodes("master") : [{ callBuffer: (...command) => send("", command) }]),
  };
}

const serverWithTime = (now: number): string => `
local server, now, removed_at = redis, ${now}, KEYS[2]
local redis = {error_reply = server.error_reply}
function redis.call(name, key, ...)
  if name == 'TIME' then return {tostring(math.floor(now / 1000)), tostring(now % 1000 * 1000)} end
  if (tonumber(server.call('GET', removed_at) or '') or math.huge) <= now then server.call('DEL', key, removed_at) end
  if name == 'PEXPIRETIME' then return tonumber(server.call('GET', removed_at) or '-1') end
  if name == 'DEL' then return server.call('DEL', key, removed_at) end
  if name ~= 'SET' then return server.call(name, key, ...) end
  local value, given, before = ..., {...}, server.call('GET', key)
  local gets, at = false, nil
  for index, option in ipairs(given) do
    if option == 'NX' and before then return before end
    if option == 'GET' then gets = true end
    if option == 'PX' then at = now + given[index + 1] end
    if option == 'PXAT' then at = given[index + 1] end
  end
  server.call('SET', key, value)
  server.call('SET', removed_at, at)
  if gets then return before end
  return {ok = 'OK'}
end
`;
