/** `npm run drill`: accidents on a real set-up, the alerts that they raise, and the runbooks that end them. See docs/verification.md. */
import process from "node:process";
import { command, exitCodes, printJson, progressLine, UsageError, wholeNumber } from "../../support/command.ts";
import { findBinary } from "../../support/servers/binary.ts";
import { postgresBinary } from "../../support/servers/postgres.ts";
import { prometheusBinary } from "../../support/servers/prometheus.ts";
import { rabbitmqBinary } from "../../support/servers/rabbitmq.ts";
import { scriptBinary } from "../../support/terminal.ts";
import { accidents } from "./accidents.ts";
import { type AccidentResult, runDrill } from "./run-drill.ts";

const names = accidents.map(({ name }) => name).join(", ");

const help = `npm run drill -- [--accident NAME]... [--speed N] [--json]

Makes accidents on a real set-up, one after the other: a shop on Express, PostgreSQL and RabbitMQ, and a Prometheus with our alerts.
For each: which alert fires, after how long, and what it says; then the commands of its runbook are run, as its page has them, and the
alert has to end. In between others go on to order and to pay.

  npm run drill
  npm run drill -- --accident killed --speed 1

  --accident NAME  one of ${names}; default all
  --speed N        how much faster the time of the rules passes: 15 makes 20 s of 5 min; default 15
  --json           one JSON document`;

const options = {
  accident: { type: "string", multiple: true },
  speed: { type: "string" },
  json: { type: "boolean" },
} as const;

await command(help, options, async ({ accident: wanted, speed: given, json }) => {
  const speed = wholeNumber("speed", given, 15, { max: 60 });
  const unknown = wanted?.find((name) => !accidents.some((one) => one.name === name));
  if (unknown !== undefined) throw new UsageError(`--accident must be one of ${names}, but it is ${unknown}.`);
  for (const binary of [postgresBinary, rabbitmqBinary, prometheusBinary, scriptBinary])
    if (findBinary(binary) === undefined)
      throw new UsageError(`There is no ${binary.name} on this machine: ${binary.install}`);
  const progress = progressLine();
  const results = await runDrill({
    accidents: accidents.filter(({ name }) => wanted?.includes(name) ?? true),
    speed,
    isTimed: true,
    say: (text) => progress.say(text),
  });
  progress.clear();
  if (json === true) printJson({ speed, accidents: results });
  else process.stdout.write(`${results.map(resultText).join("\n")}\n`);
  return results.every(({ breaches }) => breaches.length === 0) ? exitCodes.fine : exitCodes.bad;
});

function resultText({ name, alert, firedAfterS, endedAfterS, said, others, breaches }: AccidentResult): string {
  const times = `fired after ${firedAfterS ?? "–"} s, ended ${endedAfterS ?? "–"} s after the first command`;
  const beside = others.length > 0 ? [`  beside it: ${others.join(", ")}`] : [];
  return [`${name}: ${alert} ${times}`, `  ${said}`, ...beside, ...breaches.map((one) => `  FAILED: ${one}`)].join(
    "\n",
  );
}
