/**
 * `npm run bench:retention -- --engine sqlite|postgres|mysql [--keys 10000,100000,1000000] [--json]`: what a claim, a replay
 * and a purge cost while ever more keys are kept.
 */
import process from "node:process";
import { parseArgs } from "node:util";
import { engines } from "../test/retention/engines.ts";
import { runRetention } from "../test/retention/run.ts";

const { values } = parseArgs({
  options: {
    engine: { type: "string" },
    keys: { type: "string", default: "10000,100000,1000000" },
    json: { type: "boolean" },
  },
});
const engine = engines.find(({ name }) => name === values.engine);
const keyCounts = values.keys
  .split(",")
  .map(Number)
  .sort((one, other) => one - other);
if (engine === undefined || !keyCounts.every((count) => Number.isInteger(count) && count >= 10_000)) {
  console.error(`--engine ${engines.map(({ name }) => name).join("|")} [--keys 10000,100000,...] [--json]`);
  process.exit(2);
}

const rounded = (await runRetention(engine, keyCounts)).map((row) =>
  Object.fromEntries(
    Object.entries(row).map(([name, value]) => [
      name,
      typeof value === "number" ? Number(value.toPrecision(3)) : value,
    ]),
  ),
);
if (values.json) console.log(JSON.stringify(rounded, undefined, 2));
else console.table(rounded);
