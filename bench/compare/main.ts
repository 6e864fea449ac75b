/** `npm run bench:compare`: whether the library became quicker or slower since a revision. See docs/performance.md. */
import process from "node:process";
import { command, exitCodes, printJson, progressLine, UsageError, wholeNumber } from "../../test/support/command.ts";
import { measuredGround } from "../ground.ts";
import { packages } from "../server/catalog.ts";
import { rowTable } from "./report.ts";
import { rows } from "./rows.ts";
import { compareRow, type RowComparison } from "./run.ts";
import { commitOf, copyTrees, defaultBase } from "./trees.ts";

const help = `npm run bench:compare -- [--base REVISION] --only TEXT [--only TEXT] [--rounds N] [--milliseconds N] [--json]

Compares the library of the working tree, committed or not, to that of a revision: rows of bench:server and bench:client, and
"rules/…", which are its rules and its engine over a store in memory, without a framework or a connection. Both trees run in
turn in each round, and the revision's tree in a second process beside it. A ratio is that of the working tree's figure to
the revision's; "from to" is where its median lies with a confidence of 95% (with fewer than six rounds: the smallest and
the largest); "noise" is the same of the revision's two processes, whichever is divided by the other. A figure is better or
worse when the two ranges do not meet; else this run can't tell. One row of three rounds takes about a minute. Where a
machine is busy, "rules/" with 25 rounds separates a few per cent.

  npm run bench:compare -- --base HEAD~3 --only fastify/redis --only client/loops --rounds 7

  --base REVISION   default where this branch left main; on main itself HEAD, or HEAD~1 when the library has no changes
                    since. Both trees run the benchmarks, and find the packages, of the working tree
  --only TEXT       only rows with this text in their name; may be repeated
  --all             all rows instead: many minutes
  --list            only prints the names of the rows
  --rounds N        default 3
  --milliseconds N  how long each measurement lasts; default 1000
  --connections N   requests under way at a time; default 50
  --json            one JSON document

Exit code 1: a figure became worse.`;

const options = {
  base: { type: "string" },
  only: { type: "string", multiple: true, default: [] as string[] },
  all: { type: "boolean" },
  list: { type: "boolean" },
  rounds: { type: "string" },
  milliseconds: { type: "string" },
  connections: { type: "string" },
  json: { type: "boolean" },
} as const;

// So that the servers and the copies go with this process.
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(exitCodes.bad));

await command(help, options, async (values) => {
  const { base: revision, only, all, list, json } = values;
  const wanted = rows.filter(({ name }) => all === true || only.some((text) => name.includes(text)));
  if (list === true) {
    process.stdout.write(`${rows.map(({ name }) => name).join("\n")}\n`);
    return exitCodes.fine;
  }
  if (wanted.length === 0) throw new UsageError("--only must name rows that there are (--list), or say --all.");
  const run = {
    rounds: wholeNumber("rounds", values.rounds, 3),
    milliseconds: wholeNumber("milliseconds", values.milliseconds, 1000),
    connections: wholeNumber("connections", values.connections, 50),
  };
  const base = commitOf(revision ?? defaultBase());
  using trees = copyTrees(base);
  const progress = progressLine();
  const compared: RowComparison[] = [];
  for (const row of wanted) {
    const comparison = await compareRow(row, trees, { ...run, say: (text) => progress.say(text) });
    compared.push(comparison);
    progress.clear();
    if (json !== true) process.stdout.write(`${rowTable(comparison)}\n\n`);
  }
  if (json === true) printJson({ ...measuredGround(packages), base, ...run, compared });
  const isWorse = compared.some(({ figures }) => Object.values(figures).some(({ verdict }) => verdict === "worse"));
  return isWorse ? exitCodes.bad : exitCodes.fine;
});
