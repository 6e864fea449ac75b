/** `npm run explore`: visits every state that each configuration can come to. See docs/verification.md. */
import process from "node:process";
import { command, exitCodes, printJson, progressLine, UsageError, wholeNumber } from "../../support/command.ts";
import { explorations } from "./explorations.ts";
import { type Finding, findingOf, findingText } from "./report.ts";

const help = `npm run explore -- [--only NAME] [--deliveries N] [--json]

Visits, nearest first, every state that deliveries of one key can come to, or messages from a transaction to their
effect: crashes, ends of leases, lost and late calls at any point. Prints a verdict for each configuration, and for an unsafe one the shortest story that shows it.

  --only NAME       one configuration
  --deliveries N    how many deliveries of the key or of a message, 2 or 3; default 3
  --json            one JSON document`;

const options = { only: { type: "string" }, deliveries: { type: "string" }, json: { type: "boolean" } } as const;

await command(help, options, async ({ only, deliveries, json }) => {
  const number = wholeNumber("deliveries", deliveries, 3);
  if (number !== 2 && number !== 3) throw new UsageError("--deliveries must be 2 or 3.");
  const chosen = explorations.filter(({ name }) => only === undefined || name === only);
  if (chosen.length === 0) {
    throw new UsageError(`--only must be one of: ${explorations.map(({ name }) => name).join("; ")}.`);
  }
  const progress = progressLine();
  const findings: Finding[] = [];
  for (const exploration of chosen) {
    const say = (states: number): void => progress.say(`${exploration.name}: ${states.toLocaleString("en")} states`);
    const finding = findingOf(exploration, exploration.run(number, say));
    progress.clear();
    findings.push(finding);
    if (!json) process.stdout.write(`${findingText(finding)}\n`);
  }
  if (json) printJson(findings);
  return findings.every(({ asExpected }) => asExpected) ? exitCodes.fine : exitCodes.bad;
});
