/** `npm run mutate`: takes guards out of the sources, one at a time, and sees who notices. See docs/verification.md. */
import process from "node:process";
import { command, exitCodes, printJson, progressLine, UsageError, wholeNumber } from "../../support/command.ts";
import { mutants } from "./mutants.ts";
import { isNoticed, type MutantResult, runMutants } from "./run-mutants.ts";

const help = `npm run mutate -- [--only TEXT] [--at-once N] [--json]

Takes one guard at a time out of a copy of the sources, and runs the smallest check that must notice.

    --only TEXT   the mutants that have this text in their guard
  --at-once N   how many are tried side by side, 1 to 16; default 1
  --json        one JSON document`;

const options = { only: { type: "string" }, "at-once": { type: "string" }, json: { type: "boolean" } } as const;

await command(help, options, async ({ only = "", json, ...given }) => {
  const atOnce = wholeNumber("at-once", given["at-once"], 1, { max: 16 });
  const chosen = mutants.filter(({ guard }) => guard.includes(only));
  if (chosen.length === 0) throw new UsageError(`No mutant's guard has "${only}" in its name.`);
  const progress = progressLine();
  progress.say(`0 of ${chosen.length} mutants`);
  let done = 0;
  const results = await runMutants(
    chosen,
    (result) => {
      progress.clear();
      if (!json) process.stdout.write(`${resultText(result)}\n`);
      progress.say(`${(done += 1)} of ${chosen.length} mutants`);
    },
    { atOnce },
  );
  progress.clear();
  const noticed = results.filter(isNoticed).length;
  const stuck = results.filter(({ fate }) => fate === "stuck").length;
  if (json) printJson(results);
  else {
    process.stdout.write(
      `\n${noticed} of ${results.length} mutants noticed by what had to notice them: ${noticed - stuck} killed, ${stuck} stuck.\n`,
    );
  }
  return noticed === results.length ? exitCodes.fine : exitCodes.bad;
});

function resultText({ guard, file, killedBy, fate, broken }: MutantResult): string {
  const head = `${fate.toUpperCase().padEnd(8)}  ${guard} (${file})`;
  if (fate === "killed") return `${head}\n          by ${killedBy}`;
  if (fate === "stuck") return `${head}\n          ${killedBy} did not end any more`;
  if (fate === "stale")
    return `${head}\n          its text is no longer there: bring test/proof/mutation/mutants.ts up to date`;
  return `${head}\n          ${killedBy} should have broken; broken: ${broken.join("; ") || "nothing"}`;
}
