/** `npm run bench:server`: what idempotency keys cost a server, beside the same server without them. See docs/performance.md. */
import { mkdirSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import process from "node:process";
import { command, exitCodes, printJson, progressLine, UsageError, wholeNumber } from "../../test/support/command.ts";
import { measuredGround } from "../ground.ts";
import { frameworks, isFramework, isStoreName, packages, storeNames } from "./catalog.ts";
import { serverTable } from "./report.ts";
import { measureServers, type ServerMeasured } from "./run.ts";

const help = `npm run bench:server -- [--framework NAME] [--store NAME] [--only TEXT] [--rounds N] [--milliseconds N] [--json]

Measures servers with and without idempotency keys, in rounds of all of them: requests per second and processor time,
with new keys (first) and with repeated ones (replay), each as a ratio to the baseline of the same round.

  npm run bench:server -- --framework fastify --store redis

  --framework NAME    ${frameworks.join(" or ")}; default both
  --store NAME        ${storeNames.join(", ")}; default all
  --only TEXT         only rows whose name has this text, and their baselines
  --rounds N          default 7
  --milliseconds N    how long each measurement sends; default 1000
  --connections N     default 50
  --profiles FOLDER   a processor profile of each server, for --cpu-prof's readers
  --save              writes bench/results/server.json
  --json              one JSON document`;

const options = {
  framework: { type: "string" },
  store: { type: "string" },
  only: { type: "string" },
  rounds: { type: "string" },
  milliseconds: { type: "string" },
  connections: { type: "string" },
  profiles: { type: "string" },
  save: { type: "boolean" },
  json: { type: "boolean" },
} as const;

await command(help, options, async (values) => {
  const { framework, store, only = "", profiles } = values;
  if (framework !== undefined && !isFramework(framework))
    throw new UsageError(`--framework must be one of: ${frameworks.join(", ")}.`);
  if (store !== undefined && !isStoreName(store))
    throw new UsageError(`--store must be one of: ${storeNames.join(", ")}.`);
  const rounds = wholeNumber("rounds", values.rounds, 7);
  const milliseconds = wholeNumber("milliseconds", values.milliseconds, 1000);
  const connections = wholeNumber("connections", values.connections, 50);
  const progress = progressLine();
  const measured: ServerMeasured[] = [];
  for (const oneStore of storeNames.filter((name) => (store ?? name) === name)) {
    for (const oneFramework of frameworks.filter((name) => (framework ?? name) === name)) {
      const run = { rounds, milliseconds, connections, profiles, say: (text: string) => progress.say(text) };
      measured.push(
        ...(await measureServers(
          oneFramework,
          oneStore,
          run,
          ({ name, baseline }) => name === baseline || name.includes(only),
        )),
      );
    }
  }
  progress.clear();
  const document = { ...measuredGround(packages), rounds, milliseconds, connections, measured };
  if (values.save === true) {
    const path = fileURLToPath(new URL("../results/server.json", import.meta.url));
    mkdirSync(fileURLToPath(new URL("../results", import.meta.url)), { recursive: true });
    writeFileSync(path, `${JSON.stringify(document, undefined, 2)}\n`);
  }
  if (values.json === true) printJson(document);
  else process.stdout.write(`${serverTable(document)}\n`);
  return exitCodes.fine;
});
