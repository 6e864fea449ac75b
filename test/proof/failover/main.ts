/** `npm run failover`: loses the leader of a private cluster under load, and counts what became of what it had acknowledged. */
import { command, exitCodes, printJson, progressLine, UsageError, wholeNumber } from "../../support/command.ts";
import { faults } from "./engine.ts";
import { engines } from "./engines.ts";
import { type FailoverCounts, runFailover } from "./run.ts";
import { printTable } from "../../support/print-table.ts";

const names = engines.map(({ name }) => name).join("|");

const help = `npm run failover -- --engine ${names} [--rounds N] [--json]

Loses the leader of a private cluster under load, killed and cut off, and counts how many claims and results that it had
acknowledged are lost.

  npm run failover -- --engine nats --rounds 1

  --engine NAME   ${names}
  --rounds N      how often each fault is made; default 5
  --json          one JSON document`;

const options = { engine: { type: "string" }, rounds: { type: "string" }, json: { type: "boolean" } } as const;

await command(help, options, async (values) => {
  const engine = engines.find(({ name }) => name === values.engine);
  if (engine === undefined) throw new UsageError(`--engine must be one of ${names}.`);
  const rounds = wholeNumber("rounds", values.rounds, 5);
  const progress = progressLine();
  const runs: FailoverCounts[] = [];
  for (const fault of faults.filter((one) => engine.not?.[one] === undefined)) {
    for (let round = 1; round <= rounds; round += 1) {
      progress.say(`${fault}, round ${round} of ${rounds}`);
      runs.push(await runFailover(engine, fault));
    }
  }
  progress.clear();
  if (values.json === true) printJson(runs);
  else printTable(runs);
  return exitCodes.fine;
});
