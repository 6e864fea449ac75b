/** `npm run travelling`: kills random handlers at each step and runs them again. See docs/decisions/outgoing.md. */
import process from "node:process";
import { command, exitCodes, printJson, progressLine, UsageError, wholeNumber } from "../../support/command.ts";
import { printTable } from "../../support/print-table.ts";
import { runSeed, settingNames, type SettingName, totalsOf } from "./run-seed.ts";

const help = `npm run travelling -- [--seeds N | --seed N] [--setting NAME] [--json]

Makes random handlers that call services one after another, together, in loops and branches, kills each at every step, runs it again
until it ends, and counts the effects at a service that compares the requests of a key, at one that does not, and at one without keys.

  --seeds N        handlers 1 to N of each setting; default 500
  --seed N         one handler; says what broke
  --setting NAME   one of ${settingNames.map((name) => `"${name}"`).join(", ")}; default all
  --json           one JSON document`;

const options = {
  seeds: { type: "string" },
  seed: { type: "string" },
  setting: { type: "string" },
  json: { type: "boolean" },
} as const;

await command(help, options, async ({ seeds, seed, setting, json }) => {
  if (seeds !== undefined && seed !== undefined) throw new UsageError("--seeds and --seed exclude each other.");
  if (setting !== undefined && !settingNames.includes(setting as SettingName)) {
    throw new UsageError(`--setting must be one of ${settingNames.join(", ")}.`);
  }
  const played = setting === undefined ? settingNames : [setting as SettingName];
  if (seed !== undefined) {
    const results = played.map((name) => ({ setting: name, ...runSeed(wholeNumber("seed", seed, 1), name) }));
    printJson(results);
    return results.every(({ breaches }) => breaches.length === 0) ? exitCodes.fine : exitCodes.bad;
  }
  const progress = progressLine();
  const totals = played.map((name) => {
    progress.say(name);
    return totalsOf(name, wholeNumber("seeds", seeds, 500));
  });
  progress.clear();
  if (json === true) printJson(totals);
  else printTable(totals.map(({ first: _first, ...counts }) => counts));
  for (const { setting: name, first } of totals) {
    if (first !== undefined)
      process.stderr.write(`BROKEN: ${name}, seed ${first.seed}: ${first.breaches.join("; ")}.\n`);
  }
  return totals.every(({ first }) => first === undefined) ? exitCodes.fine : exitCodes.bad;
});
