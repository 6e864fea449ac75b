/** `npm run bench:retention`: what a claim, a replay and a purge cost while ever more keys are stored. */
import { command, exitCodes, printJson, progressLine, UsageError, wholeNumbers } from "../../test/support/command.ts";
import { engines } from "./engines.ts";
import { runRetention } from "./run.ts";
import { printTable } from "../../test/support/print-table.ts";

const names = engines.map(({ name }) => name).join("|");
const keysMin = 10_000;

const help = `npm run bench:retention -- --engine ${names} [--keys 10000,100000,1000000] [--json]

Keeps ever more keys in a private server, and measures what a claim, a replay and a purge then cost: milliseconds, and how
many times what they cost with the fewest keys.

  npm run bench:retention -- --engine sqlite

  --engine NAME   ${names}
  --keys LIST     how many keys, each number at least ${keysMin}; default 10000,100000,1000000
  --json          one JSON document`;

const options = {
  engine: { type: "string" },
  keys: { type: "string", default: "10000,100000,1000000" },
  json: { type: "boolean" },
} as const;

await command(help, options, async (values) => {
  const engine = engines.find(({ name }) => name === values.engine);
  if (engine === undefined) throw new UsageError(`--engine must be one of ${names}.`);
  const keyCounts = wholeNumbers("keys", values.keys, { min: keysMin }).sort((one, other) => one - other);
  const progress = progressLine();
  const rows = await runRetention(engine, keyCounts, (keys) => progress.say(`${engine.name}, ${keys} keys`));
  progress.clear();
  if (values.json === true) printJson(rows);
  else printTable(rows);
  return exitCodes.fine;
});
