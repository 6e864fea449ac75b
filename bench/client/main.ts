/** `npm run bench:client`: what retries cost a caller, beside the libraries that do the like. See docs/performance.md. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import process from "node:process";
import { command, exitCodes, printJson, progressLine, UsageError, wholeNumber } from "../../test/support/command.ts";
import { measuredGround } from "../ground.ts";
import { reportGoals } from "../goals.ts";
import { isInGoals, judgeClients } from "./goals.ts";
import { clientTables, type ClientResults } from "./report.ts";
import { measureCallers, measureLoops } from "./run.ts";

const help = `npm run bench:client -- [--part NAME] [--only TEXT] [--goals] [--rounds N] [--milliseconds N] [--json]

Measures retry() around a function (processor time and bytes of one call, succeeding and after three failures) and HTTP
clients that send orders (requests per second and processor time), in rounds of all of them, each as a ratio to the
baseline of the same round.

  npm run bench:client -- --part http --only once-again

  --part NAME         loops or http; default both
  --only TEXT         only rows with this text in their name, and their baselines
  --goals             measures only the rows that have a goal, and prints each goal and whether it holds; exit code 1 when
                      one is missed; with --save it writes them to bench/results/goals.json
  --rounds N          default 7
  --milliseconds N    how long each measurement lasts; default 1000
  --connections N     HTTP requests under way at a time; default 50
  --save              writes bench/results/client.json; a part that was not measured stays as it is there
  --json              one JSON document`;

const options = {
  part: { type: "string" },
  only: { type: "string" },
  goals: { type: "boolean" },
  rounds: { type: "string" },
  milliseconds: { type: "string" },
  connections: { type: "string" },
  save: { type: "boolean" },
  json: { type: "boolean" },
} as const;

const loopPackages = [
  "p-retry",
  "cockatiel",
  "@smithy/util-retry",
  "exponential-backoff",
  "async-retry",
  "opossum",
  "effect",
];
const httpPackages = ["undici", "ky", "got", "axios", "axios-retry"];

await command(help, options, async (values) => {
  const { only = "", part } = values;
  if (part !== undefined && part !== "loops" && part !== "http") throw new UsageError("--part must be loops or http.");
  if (values.goals === true && only !== "") throw new UsageError("--goals chooses the rows: leave --only out.");
  const rounds = wholeNumber("rounds", values.rounds, 7);
  const milliseconds = wholeNumber("milliseconds", values.milliseconds, 1000);
  const connections = wholeNumber("connections", values.connections, 50);
  const progress = progressLine();
  const run = {
    rounds,
    milliseconds,
    connections,
    wanted: (name: string) => (values.goals === true ? isInGoals(name) : name.includes(only)),
    say: (text: string) => progress.say(text),
  };
  const results: ClientResults = {
    ...measuredGround([...loopPackages, ...httpPackages]),
    rounds,
    milliseconds,
    connections,
    loops: part === "http" ? [] : await measureLoops(run),
    callers: part === "loops" ? [] : await measureCallers(run),
  };
  progress.clear();
  if (values.goals === true) {
    return reportGoals("client", { ...measuredGround(httpPackages), rounds, judged: judgeClients(results) }, values);
  }
  if (values.save === true) {
    mkdirSync(new URL("../results", import.meta.url), { recursive: true });
    const path = fileURLToPath(new URL("../results/client.json", import.meta.url));
    writeFileSync(path, `${JSON.stringify(withSavedPart(results, path), undefined, 2)}\n`);
  }
  if (values.json === true) printJson(results);
  else process.stdout.write(`${clientTables(results)}\n`);
  return exitCodes.fine;
});

function withSavedPart(results: ClientResults, path: string): ClientResults {
  const before = existsSync(path) ? (JSON.parse(readFileSync(path, "utf8")) as ClientResults) : results;
  return {
    ...results,
    loops: results.loops.length === 0 ? before.loops : results.loops,
    callers: results.callers.length === 0 ? before.callers : results.callers,
  };
}
