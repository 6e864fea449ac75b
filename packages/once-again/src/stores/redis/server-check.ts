import { OnceAgainError } from "../../core/errors.ts";
import type { RedisConnection } from "./client.ts";
import { isOld, serverInfos } from "./health.ts";

/**
 * Looks once whether the servers are new enough, and whether they may evict records.
 *
 * @returns a function for each claim. The first ones ask every master, beside the claim itself, and reject with
 *   `ONCE_OPTION_INVALID` when one will not do; a server that does not say (its INFO is forbidden, or it can't be reached)
 *   is asked again at the next claim. Afterwards it is `undefined`: a claim costs nothing more.
 */
export function serverCheck(connection: RedisConnection, mayEvict: boolean): () => Promise<void> | undefined {
  let isSound = false;
  let check: Promise<void> | undefined;
  const checkAll = async (): Promise<void> => {
    const infos = await serverInfos(connection).catch(() => []);
    const versions = infos.map((info) => info.get("redis_version"));
    const old = versions.find((version) => version !== undefined && isOld(version));
    if (old !== undefined) throw versionError(old);
    const policies = mayEvict ? [] : infos.map((info) => info.get("maxmemory_policy"));
    const evicting = policies.find((policy) => policy !== undefined && policy !== "noeviction");
    if (evicting !== undefined) throw evictionError(evicting);
    isSound = infos.length > 0 && ![...versions, ...policies].includes(undefined);
  };
  return () => {
    if (isSound) return undefined;
    check ??= checkAll().finally(() => (check = undefined));
    return check;
  };
}

function versionError(version: string): OnceAgainError {
  return new OnceAgainError(
    "ONCE_OPTION_INVALID",
    `The server is Redis ${version}, and redisStore needs Redis 7.0 or later, or Valkey. Use a newer server.`,
    { details: { option: "redis_version" } },
  );
}

function evictionError(policy: string): OnceAgainError {
  return new OnceAgainError(
    "ONCE_OPTION_INVALID",
    `The maxmemory-policy of Redis is ${policy}, and must be noeviction: Redis may evict a record, and its operation then ` +
      "runs a second time. Set noeviction, or say with acknowledgeEviction: true that duplicates are no harm.",
    { details: { option: "maxmemory-policy" } },
  );
}
