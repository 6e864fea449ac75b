/**
 * `npm run failover -- --engine redis-cluster|nats|postgres-standby [--rounds n] [--json]`: loses the leader of a
 * private cluster under load, and counts what became of what it had acknowledged.
 */
import process from "node:process";
import { parseArgs } from "node:util";
import { engines } from "../test/failover/engines.ts";
import { faults } from "../test/failover/engine.ts";
import { type FailoverCounts, runFailover } from "../test/failover/run.ts";

const { values } = parseArgs({
  options: {
    engine: { type: "string" },
    rounds: { type: "string", default: "5" },
    json: { type: "boolean" },
    help: { type: "boolean" },
  },
});
const engine = engines.find(({ name }) => name === values.engine);
const rounds = Number(values.rounds);
if (engine === undefined || !(rounds >= 1)) {
  console.error(`--engine ${engines.map(({ name }) => name).join("|")} [--rounds n] [--json]`);
  process.exit(2);
}

const runs: FailoverCounts[] = [];
for (const fault of faults) {
  for (let round = 0; round < rounds; round += 1) runs.push(await runFailover(engine, fault));
}
if (values.json) console.log(JSON.stringify(runs, undefined, 2));
else console.table(runs);
