/** `npm run simulate`: plays the real engine and client against faults, seed by seed. See docs/verification.md. */
import { writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import process from "node:process";
import { command, exitCodes, printJson, progressLine, UsageError, wholeNumber } from "../../support/command.ts";
import { printTable } from "../../support/print-table.ts";
import { breaksPromise, regionTotals } from "./regions/totals.ts";
import { seedText, totalsText } from "./report.ts";
import { acceptTrace, traceFailures } from "../trace/accept.ts";
import type { ExecutedLine, TraceLine } from "../trace/trace-step.ts";
import { runMany } from "./run-many.ts";
import { runSeed } from "./run-seed.ts";
import { type ScenarioName, scenarios } from "./scenarios.ts";
import { missedWindows, type Totals } from "./totals.ts";

const help = `npm run simulate -- [--scenario NAME] [--seeds N | --seed N | --long | --regions] [--workers N]
                    [--trace FILE] [--json]

Plays servers, callers and a store on virtual time, or services, relays, a broker and consumers, with lost, late,
repeated and reordered messages, crashes and stand-stills, and holds the end of each seed against the invariants.

  --scenario NAME   requests (default), messages or keys
  --seeds N         seeds 1 to N; default 1000
  --seed N          one seed, played twice: its trace must be the same; prints the story of a breach
  --long            as many seeds as it takes to make 10,000,000 port calls
  --regions         instead: three regions, of which one is cut off from the others and from the callers, 200 seeds for
                    each thing that can be done with its keys; see docs/guides/scaling.md
  --trace FILE      of requests: writes the calls of the store of keys to a file of JSON lines, seed after seed, and fails unless
                    the rules of spec/key.md explain each, and a take-over, a repeat and a lost acknowledgement are among them
  --workers N       threads; default the machine's cores, 4 at most
  --json            one JSON document`;

const options = {
  scenario: { type: "string" },
  seeds: { type: "string" },
  seed: { type: "string" },
  long: { type: "boolean" },
  regions: { type: "boolean" },
  workers: { type: "string" },
  trace: { type: "string" },
  json: { type: "boolean" },
} as const;

const longPortCalls = 10_000_000;
const regionSeeds = 200;

await command(help, options, async ({ scenario = "requests", seeds, seed, long, regions, workers, trace, json }) => {
  if (!isScenario(scenario)) throw new UsageError(`--scenario must be one of: ${Object.keys(scenarios).join(", ")}.`);
  if ([seeds, seed, long, regions].filter((given) => given !== undefined).length > 1) {
    throw new UsageError("--seeds, --seed, --long and --regions exclude each other.");
  }
  if (trace !== undefined) {
    if (scenario !== "requests" || long === true || regions === true)
      throw new UsageError("--trace is of requests, with --seeds or --seed.");
    const last = seed ?? seeds;
    const until = wholeNumber(seed === undefined ? "seeds" : "seed", last, 100);
    return playTraced(seed === undefined ? 1 : until, until, trace, json === true);
  }
  if (seed !== undefined) return playOne(scenario, wholeNumber("seed", seed, 1), json === true);
  if (regions !== undefined && scenario !== "requests") throw new UsageError("--regions is about requests.");
  if (regions !== undefined) return playAllRegions(json === true);
  const seedsMax = wholeNumber("seeds", seeds, 1000);
  const threads = wholeNumber("workers", workers, Math.min(4, availableParallelism()));
  const isEnough = (totals: Totals, begun: number): boolean =>
    long ? totals.portCalls >= longPortCalls : begun >= seedsMax;
  const progress = progressLine();
  const startedAt = performance.now();
  const totals = await runMany(scenario, threads, isEnough, ({ seeds, portCalls }) =>
    progress.say(`${seeds.toLocaleString("en")} seeds, ${portCalls.toLocaleString("en")} port calls`),
  );
  progress.clear();
  const seconds = (performance.now() - startedAt) / 1000;
  const missed = missedWindows(totals);
  if (json) printJson({ seconds, ...totals, missedWindows: missed });
  else process.stdout.write(`${totalsText(scenario, totals, seconds)}\n`);
  return totals.failures.length + missed.length === 0 ? exitCodes.fine : exitCodes.bad;
});

async function playAllRegions(json: boolean): Promise<number> {
  const progress = progressLine();
  const totals = await regionTotals(regionSeeds, (policy, seed) => progress.say(`${policy}, seed ${seed}`));
  progress.clear();
  const broken = totals.filter(breaksPromise);
  if (json) printJson(totals);
  else printTable(totals);
  for (const { policy } of broken) process.stderr.write(`BROKEN: ${policy}.\n`);
  return broken.length === 0 ? exitCodes.fine : exitCodes.bad;
}

function isScenario(name: string): name is ScenarioName {
  return Object.hasOwn(scenarios, name);
}

/** Plays seeds one after the other, and holds every call of their stores against the rules. */
async function playTraced(from: number, to: number, file: string, json: boolean): Promise<number> {
  const progress = progressLine();
  const lines: TraceLine[] = [];
  let broken = 0;
  for (let seed = from; seed <= to; seed += 1) {
    progress.say(`seed ${seed} of ${to}`);
    const add = (line: ExecutedLine): void =>
      void lines.push({ ...line, id: `seed ${seed}, ${line.id}`, scope: `seed ${seed}, ${line.scope}` });
    broken += (await runSeed(seed, add)).breaches.length;
  }
  progress.clear();
  writeFileSync(file, lines.map((line) => `${JSON.stringify(line)}\n`).join(""));
  const accepted = acceptTrace(lines);
  const failures = traceFailures(accepted);
  if (json) printJson({ ...accepted, failures, breaches: broken });
  else {
    const shown = Object.entries(accepted.shown).map(([name, times]) => `${name} ${times.toLocaleString("en")}`);
    process.stdout.write(
      `${accepted.calls.toLocaleString("en")} calls of ${accepted.keys.toLocaleString("en")} keys; ${shown.join(", ")}.\n` +
        (failures.length === 0 ? "Every call is explained by the rules.\n" : `${failures.join("\n")}\n`),
    );
  }
  return failures.length + broken === 0 ? exitCodes.fine : exitCodes.bad;
}

/** Plays one seed twice: whatever it does, it does again. */
async function playOne(scenario: ScenarioName, seed: number, json: boolean): Promise<number> {
  const { play } = scenarios[scenario];
  const [result, again] = [await play(seed), await play(seed)];
  const isSame = result.hash === again.hash;
  if (json) printJson({ ...result, reproduces: isSame });
  else
    process.stdout.write(`${seedText(result)}\n${isSame ? "" : "NOT REPRODUCED: the second run went another way.\n"}`);
  return isSame && result.breaches.length === 0 ? exitCodes.fine : exitCodes.bad;
}
