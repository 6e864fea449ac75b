/** `npm run bench:storms`: what a simulated herd costs, and whether ten times the callers cost ten times as much. */
import { spawnSync } from "node:child_process";
import process from "node:process";
import { median } from "../measure.ts";
import { simulateStorm } from "../../packages/tools/src/simulator/index.ts";
import { command, exitCodes, printJson, progressLine, wholeNumber, wholeNumbers } from "../../test/support/command.ts";
import { printTable } from "../../test/support/print-table.ts";

const help = `npm run bench:storms -- [--callers 10000,100000,1000000] [--rounds 3] [--json]

Simulates herds of callers, each size in a separate process and all sizes in each round: processor time, events per
second of it, peak memory, and how many times the next smaller size's processor time it takes; medians of the rounds.
Ends with 1 if a size takes 60 s or 2 GB, or if the last one takes more than its share of the time of the one before
(ten times the callers, ten times the time) and 15% for the noise of the machine.

  npm run bench:storms -- --callers 10000,100000

  --callers LIST  the sizes, each up to 1000000; default 10000,100000,1000000
  --rounds N      up to 100; default 3
  --json          one JSON document`;

const options = {
  callers: { type: "string", default: "10000,100000,1000000" },
  rounds: { type: "string" },
  one: { type: "boolean" },
  json: { type: "boolean" },
} as const;

await command(help, options, async (values) => {
  const sizes = wholeNumbers("callers", values.callers, { max: 1_000_000 });
  const rounds = wholeNumber("rounds", values.rounds, 3, { max: 100 });
  if (values.one === true) {
    printJson(simulate(sizes[0]!));
    return exitCodes.fine;
  }
  return measure(sizes, rounds, values.json === true);
});

interface Run {
  readonly events: number;
  /** Of this process alone: what others do meanwhile does not count. */
  readonly cpuSeconds: number;
  readonly peakMegabytes: number;
}

/** A herd. Its service can serve a twentieth of it in a second, and is down for the first ten. */
function simulate(callers: number): Run {
  const startedAt = process.cpuUsage();
  const { events } = simulateStorm({
    durationMs: 600_000,
    arrivals: { kind: "at-once", callers, withinMs: 1000 },
    services: [{ workers: 10, serviceMs: 200_000 / callers, queueMax: callers / 20 }],
    outages: [{ fromMs: 0, toMs: 10_000 }],
    policy: { attemptsMax: 8, attemptTimeoutMs: 5000, budget: { kind: "none" } },
  });
  const { system, user } = process.cpuUsage(startedAt);
  return { events, cpuSeconds: (system + user) / 1e6, peakMegabytes: process.resourceUsage().maxRSS / 1024 };
}

function simulateApart(callers: number): Run {
  const script = process.argv[1]!;
  const { status, stdout } = spawnSync(process.execPath, [script, "--one", "--callers", String(callers)], {
    encoding: "utf8",
    stdio: ["ignore", "pipe", "inherit"],
  });
  if (status !== 0) throw new Error(`The herd of ${callers} callers ended with ${status}.`);
  return JSON.parse(stdout) as Run;
}

function measure(sizes: readonly number[], rounds: number, json: boolean): number {
  const progress = progressLine();
  const runs = Array.from({ length: rounds }, (_, round) =>
    sizes.map((callers) => {
      progress.say(`round ${round + 1} of ${rounds}: ${callers} callers`);
      return simulateApart(callers);
    }),
  );
  progress.clear();
  const rows = sizes.map((callers, index) => {
    const ofSize = runs.map((round) => round[index]!);
    const cpuSeconds = median(ofSize.map((run) => run.cpuSeconds));
    const { events } = ofSize[0]!;
    const timesBefore = median(
      runs.map((round) => round[index]!.cpuSeconds / round[Math.max(0, index - 1)]!.cpuSeconds),
    );
    return {
      callers,
      events,
      cpuSeconds,
      nanosecondsPerEvent: (cpuSeconds * 1e9) / events,
      eventsPerSecond: events / cpuSeconds,
      timesBefore,
      peakMegabytes: Math.max(...ofSize.map((run) => run.peakMegabytes)),
    };
  });
  const last = rows.at(-1)!;
  const share = last.callers / (rows.at(-2) ?? last).callers;
  const isLinear = last.timesBefore <= share * 1.15;
  const isSmall = rows.every(({ cpuSeconds, peakMegabytes }) => cpuSeconds < 60 && peakMegabytes < 2048);
  if (json) printJson({ rounds, isLinear, rows });
  else {
    printTable(rows);
    console.log(
      `${last.timesBefore.toFixed(1)} times the time for ${share.toFixed(1)} times the callers: ` +
        (isLinear ? "at most linear." : "more than linear."),
    );
  }
  return isLinear && isSmall ? exitCodes.fine : exitCodes.bad;
}
