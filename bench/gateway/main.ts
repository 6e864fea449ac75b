/** `npm run bench:gateway`: what the gateway costs, beside nginx as a plain reverse proxy. See docs/performance.md. */
import { mkdirSync, writeFileSync } from "node:fs";
import { loadavg } from "node:os";
import { fileURLToPath } from "node:url";
import process from "node:process";
import { command, exitCodes, printJson, progressLine, UsageError, wholeNumber } from "../../test/support/command.ts";
import { findBinary } from "../../test/support/servers/binary.ts";
import { nginxBinary } from "../../test/support/servers/nginx.ts";
import { redisBinary } from "../../test/support/servers/redis.ts";
import { measuredGround } from "../ground.ts";
import { reportGoals } from "../goals.ts";
import { packages } from "./catalog.ts";
import { isInGoals, judgeGateway } from "./goals.ts";
import { gatewayGoals, gatewayTable, nginxVersion } from "./report.ts";
import { measureGateway } from "./run.ts";

const help = `npm run bench:gateway -- [--rounds N] [--only TEXT] [--goals] [--milliseconds N] [--save] [--json]

Measures once-again gateway beside nginx as a plain reverse proxy with one worker, both in front of one service, in rounds of
all rows: requests per second and processor time of the proxy, with many connections; the median of how long one request
takes, with one. Ratios are to nginx's figure of the same round; in brackets the smallest and the largest.

  npm run bench:gateway -- --only Redis

  --rounds N          default 7
  --only TEXT         only rows with this text in their name, and nginx and the service itself
  --goals             measures only the rows that have a speed goal, and prints each goal and whether it holds; exit code 1
                      when one is missed; with --save it writes them to bench/results/goals.json
  --milliseconds N    how long each figure is measured; default 1000
  --connections N     default 50
  --profiles FOLDER   a processor profile of each gateway, for --cpu-prof's readers
  --save              writes bench/results/gateway.json
  --json              one JSON document`;

const options = {
  rounds: { type: "string" },
  only: { type: "string" },
  goals: { type: "boolean" },
  milliseconds: { type: "string" },
  connections: { type: "string" },
  profiles: { type: "string" },
  save: { type: "boolean" },
  json: { type: "boolean" },
} as const;

await command(help, options, async (values) => {
  const given = {
    rounds: wholeNumber("rounds", values.rounds, 7),
    milliseconds: wholeNumber("milliseconds", values.milliseconds, 1000),
    connections: wholeNumber("connections", values.connections, 50),
  };
  for (const binary of [nginxBinary, redisBinary]) {
    if (findBinary(binary) !== undefined) continue;
    throw new UsageError(`There is no ${binary.name} on this machine: ${binary.install}`);
  }
  const progress = progressLine();
  const { only = "", profiles } = values;
  if (values.goals === true && only !== "") throw new UsageError("--goals chooses the rows: leave --only out.");
  const wanted = (name: string): boolean => (values.goals === true ? isInGoals(name) : name.includes(only));
  const measured = await measureGateway({ ...given, wanted, profiles, say: (text) => progress.say(text) });
  progress.clear();
  const ground = measuredGround(packages);
  const versions = { nginx: nginxVersion(), ...ground.versions };
  if (values.goals === true) {
    return reportGoals("gateway", { ...ground, rounds: given.rounds, judged: judgeGateway(measured) }, values);
  }
  const document = { ...ground, versions, ...given, load: Math.round(loadavg()[0]!), measured };
  if (values.save === true) {
    const path = fileURLToPath(new URL("../results/gateway.json", import.meta.url));
    mkdirSync(fileURLToPath(new URL("../results", import.meta.url)), { recursive: true });
    writeFileSync(path, `${JSON.stringify(document, undefined, 2)}\n`);
  }
  if (values.json === true) printJson(document);
  else process.stdout.write(`${gatewayTable(document)}\n\n${gatewayGoals(document)}\n`);
  return exitCodes.fine;
});
