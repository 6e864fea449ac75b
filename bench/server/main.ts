/** `npm run bench:server`: what idempotency keys cost a server, beside the same server without them. See docs/performance.md. */
import process from "node:process";
import { command, exitCodes, printJson, progressLine, UsageError, wholeNumber } from "../../test/support/command.ts";
import { measuredGround } from "../ground.ts";
import {
  type Framework,
  frameworks,
  isAgain,
  isFramework,
  isStoreName,
  type Row,
  rowsOf,
  packages,
  type StoreName,
  storeNames,
} from "./catalog.ts";
import { reportGoals } from "../goals.ts";
import { isInGoals, judgeServers } from "./goals.ts";
import { measureMemory } from "./memory.ts";
import { memoryTable, serverTables } from "./report.ts";
import { measureServers } from "./run.ts";
import { resultsBeside, saveResults } from "./saved.ts";

const help = `npm run bench:server -- [--framework NAME] [--store NAME] [--only TEXT] [--goals] [--rounds N] [--milliseconds N] [--json]

Measures servers with and without idempotency keys, in rounds of all of them: requests per second as a ratio to the
baseline of the same round, and processor time of the server and of the store's server for each request, with new keys
(first) and with repeated ones (replay). In brackets: the smallest and the largest of the rounds. "≈" is at a figure of a
peer that this run can't tell from ours, by how far two processes of the baseline differ.

  npm run bench:server -- --framework fastify --store redis

  --framework NAME    ${frameworks.join(", ")}; default all
  --store NAME        ${storeNames.join(", ")}; default all
  --only TEXT         only rows with this text in their name, and their baselines
  --goals             measures only the rows that have a goal, and prints each goal and whether it holds; exit code 1 when
                      one is missed; with --save it writes them to bench/results/goals.json
  --rounds N          default 5
  --milliseconds N    how long each measurement sends; default 1000
  --connections N     default 50
  --profiles FOLDER   a processor profile of each server, for --cpu-prof's readers
  --save              writes bench/results/server.json; of one framework or store, only its part, if the rest is of the
                      same machine, day and rounds
  --memory            instead: how the heap of our servers grows over very many requests, after full collections; exit
                      code 1 when it does
  --requests N        how many of those; default 1000000
  --json              one JSON document`;

const options = {
  framework: { type: "string" },
  store: { type: "string" },
  only: { type: "string" },
  goals: { type: "boolean" },
  rounds: { type: "string" },
  milliseconds: { type: "string" },
  connections: { type: "string" },
  profiles: { type: "string" },
  save: { type: "boolean" },
  memory: { type: "boolean" },
  requests: { type: "string" },
  json: { type: "boolean" },
} as const;

/** The growth of a heap that still counts as flat: code that is compiled later than the first fifth of the requests. */
const flatBytesPerRequest = 2;

interface Part {
  readonly framework: Framework;
  readonly store: StoreName;
}

await command(help, options, async (values) => {
  const { framework, store, only = "", profiles } = values;
  if (framework !== undefined && !isFramework(framework))
    throw new UsageError(`--framework must be one of: ${frameworks.join(", ")}.`);
  if (store !== undefined && !isStoreName(store))
    throw new UsageError(`--store must be one of: ${storeNames.join(", ")}.`);
  const rounds = wholeNumber("rounds", values.rounds, 5);
  const milliseconds = wholeNumber("milliseconds", values.milliseconds, 1000);
  const connections = wholeNumber("connections", values.connections, 50);
  const requests = wholeNumber("requests", values.requests, 1_000_000, { min: 1000 });
  const progress = progressLine();
  const say = (text: string): void => progress.say(text);
  if (values.goals === true && only !== "") throw new UsageError("--goals chooses the rows: leave --only out.");
  const parts = storeNames
    .filter((name) => (store ?? name) === name)
    .flatMap((oneStore) =>
      frameworks
        .filter((name) => (framework ?? name) === name)
        .filter((name) =>
          rowsOf(oneStore, name).some(
            (row) => values.goals !== true || isInGoals({ framework: name, store: oneStore }, row),
          ),
        )
        .map((oneFramework): Part => ({ framework: oneFramework, store: oneStore })),
    );
  if (values.memory === true) {
    const measured = await inTurn(parts, (part) =>
      measureMemory(part.framework, part.store, only, { requests, connections, say }),
    );
    progress.clear();
    if (values.json === true) printJson({ ...measuredGround(packages), connections, measured });
    else process.stdout.write(`${memoryTable(measured)}\n`);
    const isFlat = measured.every(({ bytesPerRequest }) => bytesPerRequest < flatBytesPerRequest);
    return isFlat ? exitCodes.fine : exitCodes.bad;
  }
  const facts = { ...measuredGround(packages), rounds, milliseconds, connections };
  const isPart = framework !== undefined || store !== undefined;
  if (values.save === true && only !== "") throw new UsageError("--save needs all rows of a group: leave --only out.");
  const beside = values.save === true && isPart && values.goals !== true ? resultsBeside(facts) : undefined;
  const run = { rounds, milliseconds, connections, profiles, say };
  const isWanted = (part: Part, row: Row): boolean =>
    values.goals === true ? isAgain(row.name) || isInGoals(part, row) : row.name.includes(only);
  const measured = await inTurn(parts, (part) =>
    measureServers(part.framework, part.store, run, (row) => row.name === row.baseline || isWanted(part, row)),
  );
  progress.clear();
  if (values.goals === true) return reportGoals("server", { ...facts, judged: judgeServers(measured) }, values);
  const document = { ...facts, measured };
  if (values.save === true) saveResults(document, beside);
  if (values.json === true) printJson(document);
  else process.stdout.write(`${serverTables(document)}\n`);
  return exitCodes.fine;
});

async function inTurn<Measured>(
  parts: readonly Part[],
  measure: (part: Part) => Promise<readonly Measured[]>,
): Promise<Measured[]> {
  const measured: Measured[] = [];
  for (const part of parts) measured.push(...(await measure(part)));
  return measured;
}
