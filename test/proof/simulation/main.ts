/** `npm run simulate`: plays the real engine and client against faults, seed by seed. See docs/verification.md. */
import { availableParallelism } from "node:os";
import process from "node:process";
import { command, exitCodes, printJson, progressLine, UsageError, wholeNumber } from "../../support/command.ts";
import { seedText, totalsText } from "./report.ts";
import { runMany } from "./run-many.ts";
import { runSeed } from "./run-seed.ts";
import { missedWindows, type Totals } from "./totals.ts";

const help = `npm run simulate -- [--seeds N | --seed N | --long] [--workers N] [--json]

Plays servers, callers and a store on virtual time, with lost, late, repeated and reordered messages, crashes and
stand-stills, and holds the end of each seed against the invariants.

  --seeds N      seeds 1 to N; default 1000
  --seed N       one seed, played twice: its trace must be the same; tells the story of what broke
  --long         as many seeds as it takes to make 10,000,000 port calls
  --workers N    threads; default the machine's cores, 4 at most
  --json         one JSON document`;

const options = {
  seeds: { type: "string" },
  seed: { type: "string" },
  long: { type: "boolean" },
  workers: { type: "string" },
  json: { type: "boolean" },
} as const;

const longPortCalls = 10_000_000;

await command(help, options, async ({ seeds, seed, long, workers, json }) => {
  if ([seeds, seed, long].filter((given) => given !== undefined).length > 1) {
    throw new UsageError("--seeds, --seed and --long exclude each other.");
  }
  if (seed !== undefined) return playOne(wholeNumber("seed", seed, 1), json === true);
  const seedsMax = wholeNumber("seeds", seeds, 1000);
  const threads = wholeNumber("workers", workers, Math.min(4, availableParallelism()));
  const isEnough = (totals: Totals, begun: number): boolean =>
    long ? totals.portCalls >= longPortCalls : begun >= seedsMax;
  const progress = progressLine();
  const startedAt = performance.now();
  const totals = await runMany(threads, isEnough, ({ seeds, portCalls }) =>
    progress.say(`${seeds.toLocaleString("en")} seeds, ${portCalls.toLocaleString("en")} port calls`),
  );
  progress.clear();
  const seconds = (performance.now() - startedAt) / 1000;
  const missed = missedWindows(totals);
  if (json) printJson({ seconds, ...totals, missedWindows: missed });
  else process.stdout.write(`${totalsText(totals, seconds)}\n`);
  return totals.failures.length + missed.length === 0 ? exitCodes.fine : exitCodes.bad;
});

/** Plays one seed twice: whatever it does, it does again. */
async function playOne(seed: number, json: boolean): Promise<number> {
  const [result, again] = [await runSeed(seed), await runSeed(seed)];
  const isSame = result.hash === again.hash;
  if (json) printJson({ ...result, reproduces: isSame });
  else
    process.stdout.write(`${seedText(result)}\n${isSame ? "" : "NOT REPRODUCED: the second run went another way.\n"}`);
  return isSame && result.breaches.length === 0 ? exitCodes.fine : exitCodes.bad;
}
