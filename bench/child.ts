import { fork } from "node:child_process";
import { once } from "node:events";
import { basename } from "node:path";
import { fileURLToPath } from "node:url";

/** A process of the benchmark, which answers each message with one. */
export interface Child extends AsyncDisposable {
  ask<Answer>(message: unknown): Promise<Answer>;
}

/** Starts a program of the benchmarks. @param nodeOptions options of Node, such as `--cpu-prof`. */
export function startChild(program: URL, args: readonly string[], nodeOptions: readonly string[] = []): Child {
  const path = fileURLToPath(program);
  const name = [basename(path), ...args].join(" ");
  // Expected messages only: a measured package may print other text.
  const child = fork(path, args, { execArgv: [...nodeOptions], stdio: ["ignore", "ignore", "inherit", "ipc"] });
  const ended = once(child, "exit");
  const endedEarly = ended.then(([code]) => {
    throw new Error(`${name} ended with ${code}.`);
  });
  endedEarly.catch(() => undefined);
  return {
    async ask<Answer>(message: unknown) {
      const answered = once(child, "message") as Promise<[Answer & { fault?: string }]>;
      child.send(message as object);
      const [answer] = await Promise.race([answered, endedEarly]);
      if (answer.fault !== undefined) throw new Error(`${name}: ${answer.fault}`);
      return answer;
    },
    async [Symbol.asyncDispose]() {
      if (child.exitCode === null) child.disconnect();
      await ended;
    },
  };
}
