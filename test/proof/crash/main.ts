/** `npm run crash`: real processes that are killed, stopped and cut off. See docs/verification.md. */
import process from "node:process";
import { findBinary } from "../../support/servers/binary.ts";
import { command, exitCodes, printJson, progressLine, UsageError, wholeNumber } from "../../support/command.ts";
import { type CrashEngine, engineNames } from "./engine.ts";
import { engineOf } from "./engines/index.ts";
import { resultText } from "./report.ts";
import { type CrashResult, hasPassed, runCrash } from "./run-crash.ts";
import { guards } from "./scene.ts";

const help = `npm run crash -- [--seconds N] [--engine ${engineNames.join("|")}]
                 [--mode hold|transactional] [--seed N] [--without ${guards.join("|")}] [--json]

Real callers with durable intents order from real API processes, while all of them, the database and the connections
between them are killed, stopped and cut. Then everything comes to rest, and what is left is held against the
invariants. A run whose faults miss a critical window fails.

  --seconds N    how long faults are injected for, in each run; default 60. Each fault comes at least once, which takes
                 about 15 s; not so --without a guard
  --engine NAME  where keys are kept; default postgres
  --mode NAME    default one run for each mode of the engine
  --seed N       decides the faults; default any. What they meet is up to the machine
  --without NAME takes a guard out, to see the run fail. api-keys: the API takes every request for the first of its
                 key; same-key: callers make a new key for each attempt
  --json         one JSON document

Example: npm run crash -- --seconds 60 --engine sqlite --mode hold`;

const options = {
  seconds: { type: "string" },
  engine: { type: "string" },
  mode: { type: "string" },
  seed: { type: "string" },
  without: { type: "string" },
  json: { type: "boolean" },
} as const;

// Servers and processes end with us, also where we are ended.
for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => process.exit(exitCodes.bad));

await command(help, options, async (values) => {
  const engine = await engineOf(chosen("engine", values.engine ?? "postgres", engineNames));
  const modes = values.mode === undefined ? engine.modes : [chosen("mode", values.mode, engine.modes)];
  const without = values.without === undefined ? undefined : chosen("without", values.without, guards);
  const seconds = wholeNumber("seconds", values.seconds, 60);
  const seed = wholeNumber("seed", values.seed, 1 + Math.floor(Math.random() * 1e9));
  refuseMissing(engine);
  const progress = progressLine();
  const results: CrashResult[] = [];
  for (const mode of modes) {
    const say = (over: number): void =>
      progress.say(`${engine.name}, ${mode}: ${Math.min(seconds, Math.floor(over))} of ${seconds} s of faults`);
    const result = await runCrash({ engine, mode, seconds, seed, without }, say);
    progress.clear();
    results.push(result);
    if (values.json !== true) process.stdout.write(`${resultText(result)}\n`);
  }
  if (values.json) printJson(results);
  return results.every(hasPassed) ? exitCodes.fine : exitCodes.bad;
});

/** The one of that name. @throws UsageError when there is none. */
function chosen<Name extends string>(option: string, name: string, from: readonly Name[]): Name {
  const found = from.find((one) => one === name);
  if (found !== undefined) return found;
  throw new UsageError(`--${option} must be one of ${from.join(", ")}, but it is ${name}.`);
}

/** @throws UsageError when the machine has no such server. */
function refuseMissing({ server }: CrashEngine): void {
  if (server === undefined || findBinary(server.binary) !== undefined) return;
  throw new UsageError(`There is no ${server.binary.name} on this machine: ${server.binary.install}`);
}
