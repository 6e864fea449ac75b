/** `npm run data:storms`: what retries do, over load, outage, policy and layers, as data and plots. */
import { readFileSync, writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { command, exitCodes, printJson, progressLine, UsageError, wholeNumber } from "../../test/support/command.ts";
import {
  cellOf,
  cellsOf,
  collapseRuns,
  collapseTable,
  drawAmplification,
  drawSuccess,
  readCells,
  writeCells,
} from "./cells.ts";
import { gridRuns, seedsPerCell } from "./grid.ts";
import { simulateRuns } from "./run-grid.ts";

const help = `npm run data:storms -- [--workers N] [--runs FILE] [--check N | --seeds N] [--json]

Simulates 10,000 storms, each with its seed: five loads, five outages, five policies, one to four layers that try again, 20 seeds of each.
Writes docs/data/storms.csv, a line for each of the 500 cells, and draws its plots. It takes minutes of processor time.

  --workers N   threads; default the machine's cores
  --runs FILE   writes every run, too, as CSV: 10,000 lines
  --check N     instead: simulates N of the cells again, spread over the grid, and compares them with the file, and the
                plots with the data
  --seeds N     instead: prints the guide's table, the share of N seeds that collapses at 80% load and an outage of five seconds
  --json        one JSON document`;

const options = {
  workers: { type: "string" },
  runs: { type: "string" },
  check: { type: "string" },
  seeds: { type: "string" },
  json: { type: "boolean" },
} as const;

const pathOf = (name: string): string => fileURLToPath(new URL(`../../docs/${name}`, import.meta.url));
const dataFile = pathOf("data/storms.csv");

/** The plots, by their files. */
const plotsOf = (cells: ReturnType<typeof readCells>): readonly (readonly [string, string])[] => [
  [pathOf("images/storm-data-amplification.svg"), drawAmplification(cells, 0.8)],
  [pathOf("images/storm-data-success.svg"), drawSuccess(cells, 1)],
];

await command(help, options, async ({ runs, check, seeds, json, ...given }) => {
  const workers = wholeNumber("workers", given.workers, availableParallelism(), { max: 64 });
  if ([check, runs, seeds].filter((flag) => flag !== undefined).length > 1)
    throw new UsageError("--check, --runs and --seeds exclude each other.");
  if (check !== undefined)
    return compare(wholeNumber("check", check, 1, { max: gridRuns.length / seedsPerCell }), workers, json);
  const wanted = seeds === undefined ? gridRuns : collapseRuns(wholeNumber("seeds", seeds, 1, { max: 10_000 }));
  const progress = progressLine();
  const results = await simulateRuns(wanted, workers, (done) => progress.say(`${done} of ${wanted.length} storms`));
  progress.clear();
  if (seeds !== undefined) {
    if (json === true) printJson({ runs: results.length, table: collapseTable(results) });
    else process.stdout.write(collapseTable(results));
    return exitCodes.fine;
  }
  if (runs !== undefined) {
    const lines = gridRuns.map(({ load, outageSeconds, policy, layers, seed }, at) => {
      const { calls, succeeded, amplification, wastedRatio } = results[at]!;
      return [load, outageSeconds, `"${policy}"`, layers, seed, calls, succeeded, amplification, wastedRatio].join(",");
    });
    const head = "load,outage_seconds,policy,layers,seed,calls,succeeded,amplification,wasted";
    writeFileSync(runs, `${[head, ...lines].join("\n")}\n`);
  }
  const cells = cellsOf(results);
  writeFileSync(dataFile, writeCells(cells));
  for (const [file, plot] of plotsOf(cells)) writeFileSync(file, plot);
  if (json === true) printJson({ runs: results.length, cells: cells.length });
  else process.stdout.write(`${results.length} storms in ${cells.length} cells: ${dataFile}\n`);
  return exitCodes.fine;
});

/** Simulates some cells again, and draws the plots again. */
async function compare(count: number, workers: number, json: boolean | undefined): Promise<number> {
  const cells = readCells(readFileSync(dataFile, "utf8"));
  const chosen = Array.from({ length: count }, (_, at) => Math.floor((at * cells.length) / count));
  const runs = chosen.flatMap((cell) => gridRuns.slice(cell * seedsPerCell, (cell + 1) * seedsPerCell));
  const results = await simulateRuns(runs, workers, () => undefined);
  const other = chosen.filter((cell, at) => {
    const again = cellOf(runs[at * seedsPerCell]!, results.slice(at * seedsPerCell, (at + 1) * seedsPerCell));
    return JSON.stringify(again) !== JSON.stringify(cells[cell]);
  });
  const stale = plotsOf(cells).flatMap(([file, plot]) => (readFileSync(file, "utf8") === plot ? [] : [file]));
  const isSame = other.length + stale.length === 0 && cells.length === gridRuns.length / seedsPerCell;
  if (json === true) printJson({ checked: count, other: other.map((cell) => cells[cell]), stale });
  else
    process.stdout.write(
      isSame ? `${count} cells and the plots are as they should be.\n` : "Others: run npm run data:storms.\n",
    );
  return isSame ? exitCodes.fine : exitCodes.bad;
}
