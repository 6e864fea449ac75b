/** `npm run bench:startup`: what it costs to load each entry, and to start the command. See docs/performance.md. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { buildPackages } from "../../test/support/built-packages.ts";
import { command, exitCodes, printJson, progressLine, UsageError, wholeNumber } from "../../test/support/command.ts";
import { reportGoals } from "../goals.ts";
import { measuredGround } from "../ground.ts";
import { type Measured, measureInterleaved } from "../measure.ts";
import { markdownTable } from "../page.ts";
import { entries, ourPackages } from "./entries.ts";
import { framework, helpRow, judgeStartup, userPackages } from "./goals.ts";
import { bareNode, type FigureName, measureCommand, measureImport } from "./measure.ts";

const help = `npm run bench:startup -- [--rounds N] [--only TEXT] [--goals] [--save] [--json]

Builds the packages as they are published, and starts a process for each of their entries, which imports it and ends, in
rounds of all of them: processor time of the import and of the whole process, and the most memory that it had; beside Express
and node-idempotency. The command "once-again --help" is measured in the same way.

  --rounds N    default 7
  --only TEXT   only rows with this text in their name, and what they are compared to
  --goals       prints each goal and whether it holds; exit code 1 when one is missed
  --save        with --goals: writes them to bench/results/goals.json
  --json        one JSON document`;

const options = {
  rounds: { type: "string" },
  only: { type: "string" },
  goals: { type: "boolean" },
  save: { type: "boolean" },
  json: { type: "boolean" },
} as const;

const packages = ["express", "@node-idempotency/core", ...Object.values(userPackages)];

await command(help, options, async (values) => {
  const { only = "" } = values;
  const rounds = wholeNumber("rounds", values.rounds, 7);
  if (values.save === true && (values.goals !== true || only !== ""))
    throw new UsageError("--save writes all goals: say --goals, and leave --only out.");
  const progress = progressLine();
  const folder = mkdtempSync(join(tmpdir(), "once-again-startup-"));
  try {
    progress.say("builds the packages");
    const tree = await buildPackages(folder, Object.keys(ourPackages));
    // Puts the conformance cases into the package, where `@once-again/tools/verify` reads them.
    execFileSync("npm", ["run", "prepack", "--workspace", "@once-again/tools"], { cwd: tree, stdio: "ignore" });
    const compared = new Set([bareNode, framework, ...Object.values(userPackages)]);
    const specifiers = [bareNode, ...packages, ...entries];
    const subjects = [
      ...specifiers.map((name) => ({ name, measure: () => measureImport(name, tree) })),
      { name: helpRow, measure: () => measureCommand(["--help"], tree) },
    ]
      .filter(({ name }) => compared.has(name) || name.includes(only))
      .map((subject) => ({ ...subject, baseline: bareNode }));
    const measured = await measureInterleaved(subjects, rounds, (text) => progress.say(text));
    progress.clear();
    const ground = measuredGround(packages);
    if (values.goals === true) {
      return reportGoals("startup", { ...ground, rounds, judged: judgeStartup(measured) }, values);
    }
    if (values.json === true) printJson({ ...ground, rounds, measured });
    else process.stdout.write(`${startupTable(measured)}\n`);
    return exitCodes.fine;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

function startupTable(measured: readonly Measured<FigureName>[]): string {
  const rows = measured.map(({ name, medians }) => [
    name,
    medians.importMs.toFixed(1),
    medians.processMs.toFixed(1),
    medians.memoryMegabytes.toFixed(1),
  ]);
  return markdownTable(["", "import, ms", "process, ms", "most memory, MB"], rows);
}
