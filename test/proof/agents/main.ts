/** `npm run agents`: plays runs of agents with models that plan again and processes that crash. See docs/verification.md. */
import process from "node:process";
import { command, exitCodes, printJson, progressLine, UsageError, wholeNumber } from "../../support/command.ts";
import { printTable } from "../../support/print-table.ts";
import { ownRules, type Rule, rules } from "./plan.ts";
import { runSeed } from "./run-seed.ts";
import { totalsOf } from "./totals.ts";

const help = `npm run agents -- [--seeds N | --seed N] [--rule NAME] [--json]

Plays a scripted model that plans again, words its mails anew and repeats its calls with new ids, behind a harness that loses
connections, shortens its history, crashes anywhere and resumes, and counts the effects of each intention.

  --seeds N     seeds 1 to N of each rule; default 2500
  --seed N      one seed; says what broke
  --rule NAME   only one of ${rules.join(", ")}; the last two are what careless harnesses do, and break; default: the first four
  --json        one JSON document`;

const options = {
  seeds: { type: "string" },
  seed: { type: "string" },
  rule: { type: "string" },
  json: { type: "boolean" },
} as const;

await command(help, options, async ({ seeds, seed, rule, json }) => {
  if (seeds !== undefined && seed !== undefined) throw new UsageError("--seeds and --seed exclude each other.");
  if (rule !== undefined && !rules.includes(rule as Rule))
    throw new UsageError(`--rule must be one of ${rules.join(", ")}.`);
  const chosen = rule as Rule | undefined;
  if (seed !== undefined) {
    const result = await runSeed(wholeNumber("seed", seed, 1), chosen);
    printJson(result);
    return result.breaches.length === 0 ? exitCodes.fine : exitCodes.bad;
  }
  const progress = progressLine();
  const played = chosen === undefined ? ownRules : [chosen];
  const totals = await totalsOf(played, wholeNumber("seeds", seeds, 2500), (name, at) =>
    progress.say(`${name}, seed ${at}`),
  );
  progress.clear();
  if (json === true) printJson(totals);
  else printTable(totals.map(({ first: _first, ...counts }) => counts));
  for (const { rule: name, first } of totals) {
    if (first !== undefined)
      process.stderr.write(`BROKEN: ${name}, seed ${first.seed}: ${first.breaches.join("; ")}.\n`);
  }
  return totals.every(({ broken }) => broken === 0) ? exitCodes.fine : exitCodes.bad;
});
