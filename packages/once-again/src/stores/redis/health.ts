import type { RedisCommand, RedisConnection } from "./client.ts";

/** What a node says that endangers records, and what to do about it. */
const dangers: readonly { field: string; sound: string; problem: (value: string) => string }[] = [
  {
    field: "maxmemory_policy",
    sound: "noeviction",
    problem: (value) =>
      `maxmemory-policy is ${value}: Redis may evict a record, and its operation then runs a second time. Set noeviction.`,
  },
  {
    field: "aof_enabled",
    sound: "1",
    problem: () =>
      "appendonly is off: a restart forgets records, and their operations then run a second time. Set appendonly yes.",
  },
  {
    field: "role",
    sound: "master",
    problem: (value) =>
      `The node is a ${value}: it takes no claims, and what it knows may be old. Connect to the master.`,
  },
];

/** Asks every master. One line for each problem, without repetitions. */
export async function redisProblems(connection: RedisConnection): Promise<string[]> {
  const answers = await infos(connection, ["INFO"]);
  return [...new Set(answers.flatMap(problemsIn))];
}

/** The `maxmemory-policy` of every master; `undefined` for one that does not say. */
export async function memoryPolicies(connection: RedisConnection): Promise<(string | undefined)[]> {
  return (await infos(connection, ["INFO", "memory"])).map((values) => values.get("maxmemory_policy"));
}

async function infos(connection: RedisConnection, command: RedisCommand): Promise<Map<string, string>[]> {
  const answers = await Promise.all((await connection.masters()).map((send) => send(command)));
  return answers.map(
    (info) =>
      new Map(
        String(info)
          .split("\r\n")
          .map((line) => line.split(":") as [string, string]),
      ),
  );
}

function problemsIn(values: ReadonlyMap<string, string>): string[] {
  return dangers.flatMap(({ field, sound, problem }) => {
    const value = values.get(field) ?? "unknown";
    return value === sound ? [] : [problem(value)];
  });
}
