/** `npm run bench:parts`: what each part of a request with a key takes. See docs/performance.md. */
import process from "node:process";
import { command, exitCodes, printJson, progressLine, wholeNumber } from "../../test/support/command.ts";
import { startChild } from "../child.ts";
import { measuredGround } from "../ground.ts";
import { medianInterval } from "../interval.ts";
import { type Measured, measureInterleaved, median } from "../measure.ts";
import { printTable } from "../../test/support/print-table.ts";
import { markdownTable } from "../page.ts";
import { startStore } from "../server/stores.ts";
import { type FigureName, measureServer } from "../server/subject.ts";
import { measureInProcess } from "./in-process.ts";
import { type PartName, parts, wholeParts } from "./parts.ts";

const help = `npm run bench:parts -- [--in-process] [--rounds N] [--milliseconds N] [--connections N] [--json]

Measures servers of Fastify, each with one part more of what a first request with a key takes, in rounds of all of them: the
server's processor time for each request, and how much of it is the last part's, round by round.

  --in-process      labels, spans and metrics instead, without a framework and without connections: what each adds to a first request and to
                    a repeat, microseconds of processor time, the quickest of many short runs
  --rounds N        default 9
  --milliseconds N  how long each measurement sends; default 500
  --connections N   requests under way at a time; default 50
  --json            one JSON document`;

const options = {
  "in-process": { type: "boolean" },
  rounds: { type: "string" },
  milliseconds: { type: "string" },
  connections: { type: "string" },
  json: { type: "boolean" },
} as const;

const names = Object.keys(parts) as PartName[];
const [bare] = names;
const again = `${bare}, again`;

await command(help, options, async (values) => {
  const rounds = wholeNumber("rounds", values.rounds, 9);
  const milliseconds = wholeNumber("milliseconds", values.milliseconds, 500);
  const connections = wholeNumber("connections", values.connections, 50);
  if (values["in-process"] === true) {
    const progress = progressLine();
    const added = await measureInProcess({ rounds, milliseconds }, (text) => progress.say(text));
    progress.clear();
    if (values.json === true) printJson({ ...measuredGround([]), rounds, milliseconds, added });
    else printTable(added);
    return exitCodes.fine;
  }
  await using stack = new AsyncDisposableStack();
  const ground = stack.use(await startStore("memory"));
  const load = stack.use(startChild(new URL("../server/load-child.ts", import.meta.url), []));
  const progress = progressLine();
  const subjects = [];
  for (const name of [...names, again]) {
    const part = name === again ? bare : name;
    const start = () => startChild(new URL("server-child.ts", import.meta.url), [String(part)]);
    const subject = { start, load, ground, isUnguarded: !wholeParts.has(part as PartName) };
    subjects.push({ name, baseline: name, measure: () => measureServer(subject, connections, milliseconds) });
  }
  const measured = await measureInterleaved(subjects, rounds, (text) => progress.say(text));
  progress.clear();
  if (values.json === true) printJson({ ...measuredGround(["fastify"]), rounds, milliseconds, connections, measured });
  else process.stdout.write(`${partsTable(measured)}\n`);
  return exitCodes.fine;
});

function partsTable(measured: readonly Measured<FigureName>[]): string {
  const rows = measured.map(({ name, rounds }, place) => {
    const before = measured[name === again ? 0 : place - 1]?.rounds;
    const firsts = rounds.map(({ firstCpuMicroseconds }) => firstCpuMicroseconds);
    const more = firsts.map((figure, round) => figure - (before?.[round]?.firstCpuMicroseconds ?? Number.NaN));
    return [name, spread(firsts), place === 0 ? "" : spread(more)];
  });
  return markdownTable(["µs of the server", "in all", "this part"], rows);
}

/** The median, and where it may lie. */
function spread(figures: readonly number[]): string {
  const middle = median(figures);
  const [low, high] = medianInterval(figures);
  return `${middle.toFixed(1)} (${low.toFixed(1)}-${high.toFixed(1)})`;
}
