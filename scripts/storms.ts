import process from "node:process";
import { spawnSync } from "node:child_process";
import { parseArgs } from "node:util";
import { simulateStorm } from "../src/simulator/index.ts";

const help = `npm run bench:storms -- [--callers 10000,100000,1000000] [--json]

Simulates a herd of callers, each size in a process of its own: seconds, events per second, peak memory, and what an
caller costs beside the first size. Ends with 1 if one takes 60 s of a processor or 2 GB, or if a caller costs more than
twice as much as in the first.

Example:
  npm run bench:storms -- --callers 10000,100000`;

const { values } = parseArgs({
  options: {
    callers: { type: "string", default: "10000,100000,1000000" },
    one: { type: "boolean" },
    json: { type: "boolean" },
    help: { type: "boolean" },
  },
});
const sizes = values.callers.split(",").map(Number);
if (values.help) {
  console.log(help);
  process.exit(0);
}
if (!sizes.every((size) => Number.isInteger(size) && size >= 1 && size <= 1_000_000)) {
  console.error(help);
  process.exit(2);
}

interface Row {
  readonly callers: number;
  readonly events: number;
  readonly seconds: number;
  /** Time of this process's own on a processor: what remains of `seconds` when others work beside it. */
  readonly cpuSeconds: number;
  readonly eventsPerSecond: number;
  readonly peakMegabytes: number;
}

/** A herd whose service can serve a twentieth of it in a second, and is down for the first ten. */
function measure(callers: number): Row {
  const [startedAt, cpu] = [performance.now(), process.cpuUsage()];
  const { events } = simulateStorm({
    durationMs: 600_000,
    arrivals: { kind: "at-once", callers, withinMs: 1000 },
    services: [{ workers: 10, serviceMs: 200_000 / callers, queueMax: callers / 20 }],
    outages: [{ fromMs: 0, toMs: 10_000 }],
    policy: { attemptsMax: 8, attemptTimeoutMs: 5000, budget: { kind: "none" } },
  });
  const seconds = (performance.now() - startedAt) / 1000;
  const { system, user } = process.cpuUsage(cpu);
  const cpuSeconds = (system + user) / 1e6;
  const peakMegabytes = process.resourceUsage().maxRSS / 1024;
  return { callers, events, seconds, cpuSeconds, eventsPerSecond: events / seconds, peakMegabytes };
}

if (values.one) {
  console.log(JSON.stringify(measure(sizes[0]!)));
  process.exit(0);
}

const rows = sizes.map((callers) => {
  const script = process.argv[1]!;
  const child = spawnSync(process.execPath, [script, "--one", "--callers", String(callers)], {
    encoding: "utf8",
    stdio: ["ignore", "pipe", "inherit"],
  });
  return JSON.parse(child.stdout) as Row;
});
const costOf = ({ cpuSeconds, callers }: Row): number => cpuSeconds / callers;
const compared = rows.map((row) => ({ ...row, costRatio: costOf(row) / costOf(rows[0]!) }));
const rounded = compared.map((row) =>
  Object.fromEntries(Object.entries(row).map(([name, value]) => [name, Number(value.toPrecision(3))])),
);
if (values.json) console.log(JSON.stringify(compared, undefined, 2));
else console.table(rounded);
const isGood = compared.every(
  ({ costRatio, cpuSeconds, peakMegabytes }) => cpuSeconds < 60 && peakMegabytes < 2048 && costRatio < 2,
);
process.exitCode = isGood ? 0 : 1;
