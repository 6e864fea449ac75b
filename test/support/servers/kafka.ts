import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { rmSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { findBinary, type ServerBinary } from "./binary.ts";
import { attemptToCompile } from "./compile.ts";
import { serverFolder } from "./server-folder.ts";

/** It compiles the mock, against librdkafka. */
export const kafkaBinary: ServerBinary = {
  name: "gcc",
  attempt: (compiler) =>
    attemptToCompile(compiler, ["stdio.h", "librdkafka/rdkafka.h", "librdkafka/rdkafka_mock.h"], "-lrdkafka"),
  install: "apt-get install -y gcc libc6-dev librdkafka-dev",
};

/** Kafka's protocol by the mock of librdkafka: no transactions, no fencing, and one member a group is enough to rely on. */
export interface KafkaMock extends AsyncDisposable {
  /** The address of its broker, `host:port`. */
  readonly broker: string;
  readonly pid: number;
  /** Makes a topic. */
  topic(name: string, partitions: number): Promise<void>;
  /** Has the next requests of an API (0 is Produce, 8 is OffsetCommit) answered with an error code of Kafka. */
  fail(api: number, error: number, count: number): Promise<void>;
  /** Delays each answer by so many milliseconds. */
  delay(ms: number): Promise<void>;
  /** Refuses connections until `up()`. */
  down(): Promise<void>;
  up(): Promise<void>;
}

/** @throws Error when the machine has no gcc or librdkafka, or it does not start. */
export async function startKafka(): Promise<KafkaMock> {
  const compiler = findBinary(kafkaBinary);
  if (compiler === undefined)
    throw new Error(`There is no gcc with librdkafka on this machine: ${kafkaBinary.install}`);
  const folder = serverFolder("kafka");
  const [source, program] = [fileURLToPath(new URL("kafka-mock.c", import.meta.url)), join(folder, "kafka-mock")];
  execFileSync(compiler, ["-O1", source, "-o", program, "-lrdkafka"]);
  const child: ChildProcess = spawn(program, { stdio: ["pipe", "pipe", "inherit"] });
  const exitWithUs = (): void => void child.kill("SIGKILL");
  process.once("exit", exitWithUs);
  const lines = createInterface({ input: child.stdout! })[Symbol.asyncIterator]();
  const line = async (): Promise<string> => {
    const { value, done } = await lines.next();
    if (done === true) throw new Error("The mock of Kafka ended.");
    return value;
  };
  let last: Promise<unknown> = Promise.resolve();
  const send = (command: string): Promise<void> => {
    const answered = last.then(async () => {
      child.stdin!.write(`${command}\n`);
      const answer = await line();
      if (answer !== "ok 0") throw new Error(`The mock of Kafka answered "${answer}" to "${command}".`);
    });
    last = answered.catch(() => undefined);
    return answered;
  };
  return {
    broker: await line(),
    pid: child.pid!,
    topic: (name, partitions) => send(`topic ${name} ${partitions}`),
    fail: (api, error, count) => send(`fail ${api} ${error} ${count}`),
    delay: (ms) => send(`rtt ${ms}`),
    down: () => send("down"),
    up: () => send("up"),
    async [Symbol.asyncDispose]() {
      process.removeListener("exit", exitWithUs);
      const ended = once(child, "exit");
      child.kill("SIGKILL");
      await ended;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
