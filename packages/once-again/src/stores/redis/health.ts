import { OnceAgainError } from "../../core/errors.ts";
import type { RedisConnection } from "./client.ts";

/** The settings of a node that endanger records, and what to do about them. */
const dangers: readonly { field: string; isSound: (value: string) => boolean; problem: (value: string) => string }[] = [
  {
    field: "redis_version",
    isSound: (value) => !isOld(value),
    problem: (value) => `The server is Redis ${value}, which lacks commands that are needed. Use Redis 7.0 or later.`,
  },
  {
    field: "maxmemory_policy",
    isSound: (value) => value === "noeviction",
    problem: (value) =>
      `maxmemory-policy is ${value}: Redis may evict a record, and its operation then runs a second time. Set noeviction.`,
  },
  {
    field: "aof_enabled",
    isSound: (value) => value === "1",
    problem: () =>
      "appendonly is off: a restart forgets records, and their operations then run a second time. Set appendonly yes.",
  },
  {
    field: "role",
    isSound: (value) => value === "master",
    problem: (value) =>
      `The node is a ${value}: it takes no claims, and what it knows may be old. Connect to the master.`,
  },
];

/** Whether a server lacks what we send: `SET` with both `NX` and `GET`, and `PEXPIRETIME`. Valkey says 7.2 for itself. */
export function isOld(redisVersion: string): boolean {
  return Number.parseInt(redisVersion, 10) < 7;
}

/** Asks every master. One line for each problem, without repetitions. */
export async function redisProblems(connection: RedisConnection): Promise<string[]> {
  const infos = await serverInfos(connection);
  return [...new Set(infos.flatMap(problemsIn))];
}

/** The state of every master, by the names of INFO. */
export async function serverInfos(connection: RedisConnection): Promise<ReadonlyMap<string, string>[]> {
  const replies = await Promise.all((await connection.masters()).map((send) => send(["INFO"])));
  return replies.map(
    (info) =>
      new Map(
        String(info)
          .split("\r\n")
          .map((line) => line.split(":") as [string, string]),
      ),
  );
}

function problemsIn(info: ReadonlyMap<string, string>): string[] {
  return dangers.flatMap(({ field, isSound, problem }) => {
    const value = info.get(field) ?? "unknown";
    return isSound(value) ? [] : [problem(value)];
  });
}

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
