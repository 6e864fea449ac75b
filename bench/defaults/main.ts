/** `npm run bench:defaults`: what jitter, first wait, budget and Retry-After do in outages, and which of them our rule chooses. */
import { writeFileSync } from "node:fs";
import process from "node:process";
import { simulateStorm } from "../../packages/tools/src/simulator/index.ts";
import { command, exitCodes, printJson, progressLine, wholeNumber } from "../../test/support/command.ts";
import { markdownTable } from "../page.ts";
import { measureDefaults } from "./candidates.ts";
import { chosenBudget, chosenWait, judgedWaits } from "./choose.ts";
import { budgetTable, returnTable, waitTable } from "./report.ts";

const help = `npm run bench:defaults -- [--seeds 3] [--time-out 1000] [--first-wait 1000] [--save] [--json]

Simulates outages that refuse, hang and shed, for 5 and 60 s, with sparse, dense and busy callers, by every jitter, first
wait and budget, and chooses by the rule of docs/guides/storms.md; and how 10,000 callers come back by their Retry-After. It takes a minute or two. Ends with 1 when the rule
chooses another jitter or another budget than the library does.

  npm run bench:defaults -- --time-out 30000

  --seeds N       runs of each outage with callers who call once, up to 100; default 3
  --time-out N    of an attempt, milliseconds; default 1000
  --first-wait N  of the jitters that are compared, milliseconds; default 1000
  --save          writes bench/results/defaults.json
  --json          one JSON document`;

const options = {
  seeds: { type: "string" },
  "time-out": { type: "string" },
  "first-wait": { type: "string" },
  save: { type: "boolean" },
  json: { type: "boolean" },
} as const;

await command(help, options, async (values) => {
  const seeds = wholeNumber("seeds", values.seeds, 3, { max: 100 });
  const timeOutMs = wholeNumber("time-out", values["time-out"], 1000, { max: 3_600_000 });
  const firstWaitMs = wholeNumber("first-wait", values["first-wait"], 1000, { max: 30_000 });
  const progress = progressLine();
  const results = measureDefaults({ seeds, timeOutMs, firstWaitMs, say: (text) => progress.say(text) });
  progress.clear();

  const { backoff, budget } = simulateStorm({ arrivals: { kind: "at-once", callers: 1 } }).settings.policy;
  const ours = { jitter: "jitter" in backoff ? backoff.jitter : backoff.kind, budget: budget.kind };
  const chosen = { jitter: chosenWait(judgedWaits(results.jitters)), budget: chosenBudget(results.budgets) };

  const { jitters, firstWaits, budgets, returns } = results;
  if (values.save === true) {
    const file = new URL("../results/defaults.json", import.meta.url);
    writeFileSync(file, `${JSON.stringify(results, undefined, 2)}\n`);
  }
  if (values.json === true) printJson({ ...results, ours, chosen });
  else {
    const tables = [
      waitTable("jitter", jitters),
      waitTable("first wait", firstWaits),
      budgetTable(budgets),
      returnTable(returns),
    ];
    for (const { head, rows } of tables) process.stdout.write(`${markdownTable(head, rows)}\n\n`);
    process.stdout.write(`The rule chooses ${chosen.jitter} jitter and the ${chosen.budget} budget; `);
    process.stdout.write(`the library has ${ours.jitter} and ${ours.budget}.\n`);
  }
  return ours.jitter === chosen.jitter && ours.budget === chosen.budget ? exitCodes.fine : exitCodes.bad;
});
