/** `npm run gateway-load`: a gateway under load, while its store is killed and comes back. See docs/verification.md. */
import process from "node:process";
import { command, exitCodes, printJson, progressLine, UsageError, wholeNumber } from "../../support/command.ts";
import { findBinary } from "../../support/servers/binary.ts";
import { redisBinary } from "../../support/servers/redis.ts";
import { type LoadResult, phases, runLoad } from "./run-load.ts";
import { ratioMax, runUnfair, type UnfairResult } from "./run-unfair.ts";

const help = `npm run gateway-load -- [--story store|unfair] [--seconds N] [--connections N] [--json]

Sends requests through once-again gateway, half of them with keys, half of them past them. Its Redis is killed after a third
of the time, and comes back after two. Keyed requests must be refused with 503 meanwhile, and reach the service never; what
passes through must not be disturbed; nothing may hang, and memory must stay flat.

The story "unfair" has slow callers of one address instead: each uploads a byte at a time, and comes again when it is refused.
A caller of another address must be served all the same, with a p99 within ${ratioMax} times its p99 without them.

  npm run gateway-load -- --seconds 60
  npm run gateway-load -- --story unfair

  --story NAME     store or unfair; default store
  --seconds N      default 60
  --connections N  default 200; of slow callers 1000
  --json           one JSON document`;

const options = {
  story: { type: "string" },
  seconds: { type: "string" },
  connections: { type: "string" },
  json: { type: "boolean" },
} as const;

/** The memory that V8 may take for its young and old generation beside what is needed, MiB. */
const growthMiBMax = 64;

await command(help, options, async (values) => {
  const seconds = wholeNumber("seconds", values.seconds, 60, { min: 3 });
  const { story = "store" } = values;
  if (story !== "store" && story !== "unfair")
    throw new UsageError(`--story must be store or unfair, but it is ${story}.`);
  const connections = wholeNumber("connections", values.connections, story === "store" ? 200 : 1000, { min: 2 });
  if (story === "unfair") {
    const unfair = await runUnfair({ slowCallers: connections, phaseMs: (seconds * 1000) / 2 });
    if (values.json === true) printJson(unfair);
    else process.stdout.write(`${unfairText(unfair)}\n`);
    return unfair.breaches.length === 0 ? exitCodes.fine : exitCodes.bad;
  }
  if (findBinary(redisBinary) === undefined) {
    throw new UsageError(`There is no ${redisBinary.name} on this machine: ${redisBinary.install}`);
  }
  const progress = progressLine();
  const result = await runLoad({ connections, phaseMs: (seconds * 1000) / 3, growthMiBMax }, (phase) =>
    progress.say(`the store: ${phase}`),
  );
  progress.clear();
  if (values.json === true) printJson(result);
  else process.stdout.write(`${resultText(result)}\n`);
  return result.breaches.length === 0 ? exitCodes.fine : exitCodes.bad;
});

function unfairText({ slowCallers, refusals, alone, beside, breaches }: UnfairResult): string {
  const line = ({ count, p50, p99, max }: UnfairResult["alone"]): string =>
    `${count.toLocaleString("en")} requests, median ${p50.toFixed(1)} ms, p99 ${p99.toFixed(1)} ms, the slowest ${max.toFixed(0)} ms`;
  return [
    `The caller alone:                     ${line(alone)}`,
    `The caller beside ${slowCallers.toLocaleString("en")} slow callers: ${line(beside)}`,
    `Slow requests that were refused:      ${refusals.toLocaleString("en")}`,
    ...(breaches.length === 0 ? ["All is as it should be."] : breaches.map((breach) => `BROKEN: ${breach}`)),
  ].join("\n");
}

function resultText({ connections, seconds, phases: found, anomalies, breaches }: LoadResult): string {
  const counts = (statuses: Readonly<Record<string, number>>): string =>
    Object.entries(statuses)
      .map(([status, count]) => `${count.toLocaleString("en")} × ${status}`)
      .join(", ");
  return [
    `${connections} connections, ${seconds} s`,
    ...phases.flatMap((phase) => {
      const { keyed, passed, passedMs, keyedMsMax, effects, memoryMiB } = found[phase];
      const [median, max] = passedMs.map((ms) => ms.toFixed(0));
      return [
        `The store ${phase}:`,
        `  with keys       ${counts(keyed)}; the slowest ${keyedMsMax.toFixed(0)} ms; ${effects.toLocaleString("en")} orders reached the service`,
        `  passed through  ${counts(passed)}; median ${median} ms, the slowest ${max} ms`,
        `  memory          ${memoryMiB} MiB`,
      ];
    }),
    `What once-again judge finds: ${anomalies.length === 0 ? "nothing" : `${anomalies.length} anomalies`}`,
    ...(breaches.length === 0 ? ["All is as it should be."] : breaches.map((breach) => `BROKEN: ${breach}`)),
  ].join("\n");
}
