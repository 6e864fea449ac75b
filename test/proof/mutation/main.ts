/** `npm run mutate`: takes guards out of the sources, one at a time, and sees who notices. See docs/verification.md. */
import process from "node:process";
import { command, exitCodes, printJson, progressLine, UsageError } from "../../support/command.ts";
import { mutants } from "./mutants.ts";
import { type MutantResult, runMutants } from "./run-mutants.ts";

const help = `npm run mutate -- [--only TEXT] [--json]

Takes one guard at a time out of a copy of the sources, and runs the smallest check that must notice.

  --only TEXT   the mutants whose guard has this text in its name
  --json        one JSON document`;

await command(help, { only: { type: "string" }, json: { type: "boolean" } }, async ({ only = "", json }) => {
  const chosen = mutants.filter(({ guard }) => guard.includes(only));
  if (chosen.length === 0) throw new UsageError(`No mutant's guard has "${only}" in its name.`);
  const progress = progressLine();
  progress.say(`0 of ${chosen.length} mutants`);
  let done = 0;
  const results = await runMutants(chosen, (result) => {
    progress.clear();
    if (!json) process.stdout.write(`${resultText(result)}\n`);
    progress.say(`${(done += 1)} of ${chosen.length} mutants`);
  });
  progress.clear();
  const killed = results.filter(({ fate }) => fate === "killed").length;
  if (json) printJson(results);
  else process.stdout.write(`\n${killed} of ${results.length} mutants killed by what had to kill them.\n`);
  return killed === results.length ? exitCodes.fine : exitCodes.bad;
});

function resultText({ guard, file, killedBy, fate, broken }: MutantResult): string {
  const head = `${fate.toUpperCase().padEnd(8)}  ${guard} (${file})`;
  if (fate === "killed") return `${head}\n          by ${killedBy}`;
  if (fate === "stale")
    return `${head}\n          its text is no longer there: bring test/proof/mutation/mutants.ts up to date`;
  return `${head}\n          ${killedBy} should have broken; broken: ${broken.join("; ") || "nothing"}`;
}
