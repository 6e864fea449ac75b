import type { RedisConnection } from "./client.ts";

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
  const answers = await Promise.all((await connection.masters()).map((send) => send(["INFO"])));
  return [...new Set(answers.flatMap((info) => problemsIn(String(info))))];
}

function problemsIn(info: string): string[] {
  const values = new Map(info.split("\r\n").map((line) => line.split(":") as [string, string]));
  return dangers.flatMap(({ field, sound, problem }) => {
    const value = values.get(field) ?? "unknown";
    return value === sound ? [] : [problem(value)];
  });
}
