/** `npm run bench:messages`: what an outbox costs, beside bare publishes and what others would use. See docs/performance.md. */
import { mkdirSync, writeFileSync } from "node:fs";
import { loadavg } from "node:os";
import { fileURLToPath } from "node:url";
import process from "node:process";
import { command, exitCodes, printJson, progressLine, UsageError, wholeNumber } from "../../test/support/command.ts";
import { measuredGround } from "../ground.ts";
import { reportGoals } from "../goals.ts";
import { packages } from "./catalog.ts";
import { goalPart, isInGoals, judgeMessages } from "./goals.ts";
import { messageGoals, messageTables } from "./report.ts";
import { measureMessages } from "./run.ts";

const help = `npm run bench:messages -- [--rounds N] [--only TEXT] [--goals] [--rows N] [--save] [--json]

Measures outbox, relay and inbox on PostgreSQL and RabbitMQ, in rounds of all that is compared: how fast a relay publishes,
beside a loop of confirmed publishes, pg-transactional-outbox, graphile-worker and pg-boss; how long it takes from COMMIT to
the handler, woken and polling; whether a backlog slows a relay down; what its claims and deletes add to a COMMIT; what
NOTIFY costs. Ratios are to the first row's figure of the same round; in brackets the smallest and the largest.

  npm run bench:messages -- --only throughput

  --rounds N          default 5
  --only TEXT         only parts with this text: throughput, latency, backlog, commits, notify
  --goals             measures only the rows that have a speed goal, and prints each goal and whether it holds; exit code 1
                      when one is missed; with --save it writes them to bench/results/goals.json
  --messages N        how many messages each drain publishes; default 5000
  --rows N            how many more are in the outbox in "backlog"; default 100000, the long form is 10000000
  --rate N            messages a second in "latency" and "commits"; default 500
  --milliseconds N    how long each paced measurement takes; default 4000
  --save              writes bench/results/messages.json
  --json              one JSON document`;

const options = {
  rounds: { type: "string" },
  only: { type: "string" },
  goals: { type: "boolean" },
  messages: { type: "string" },
  rows: { type: "string" },
  rate: { type: "string" },
  milliseconds: { type: "string" },
  save: { type: "boolean" },
  json: { type: "boolean" },
} as const;

await command(help, options, async (values) => {
  const given = {
    rounds: wholeNumber("rounds", values.rounds, 5),
    messages: wholeNumber("messages", values.messages, 5000),
    rows: wholeNumber("rows", values.rows, 100_000),
    rate: wholeNumber("rate", values.rate, 500),
    milliseconds: wholeNumber("milliseconds", values.milliseconds, 4000),
  };
  const progress = progressLine();
  const say = (text: string): void => progress.say(text);
  if (values.goals === true) {
    if (values.only !== undefined) throw new UsageError("--goals chooses the rows: leave --only out.");
    const measured = await measureMessages({ ...given, only: goalPart, wanted: isInGoals, say });
    progress.clear();
    const run = { ...measuredGround(packages), rounds: given.rounds, judged: judgeMessages(measured) };
    return reportGoals("messages", run, values);
  }
  const measured = await measureMessages({ ...given, only: values.only ?? "", say });
  progress.clear();
  const load = Math.round(loadavg()[0]!);
  const document = { ...measuredGround(packages), ...given, load, measured };
  if (values.save === true) {
    const path = fileURLToPath(new URL("../results/messages.json", import.meta.url));
    mkdirSync(fileURLToPath(new URL("../results", import.meta.url)), { recursive: true });
    writeFileSync(path, `${JSON.stringify(document, undefined, 2)}\n`);
  }
  if (values.json === true) printJson(document);
  else process.stdout.write(`${messageTables(document)}\n\n${messageGoals(document)}\n`);
  return exitCodes.fine;
});
