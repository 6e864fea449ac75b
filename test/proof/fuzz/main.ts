/** `npm run fuzz`: hostile bytes over real connections, and hostile texts. See docs/verification.md. */
import process from "node:process";
import { command, exitCodes, printJson, progressLine, UsageError, wholeNumber } from "../../support/command.ts";
import type { FuzzResult } from "./fuzz.ts";
import { fuzz, targetNames } from "./targets.ts";

const help = `npm run fuzz -- --target NAME [--seconds N] [--seed N] [--case N] [--workers N] [--json]

Attacks what strangers reach. gateway and servers: random connections, pipelined, cut, slow, upgraded, half closed and reset at each
stage, and a hostile service behind the gateway. The process has to live, a caller that behaves well is served, memory and the turns
of the event loop stay within their bounds, no request is forwarded twice, no operation has two effects, and each one that was
answered has its response, or a closed connection. parsers: random and doubling texts; no error but documented ones, and linear time.
webhooks: changed and forged ones are never handled, genuine ones once. pools: stores in SQL on small pools behind an unsteady network;
no connection goes back that is not as it was, and no statement of the user's is lost, cancelled or refused.

  npm run fuzz -- --target gateway --seconds 60 --seed 7

  --target NAME  ${targetNames.join(", ")}
  --seconds N    default 60
  --seed N       default the time; the same seed makes the same cases
  --case N       one case of the seed alone, again and again
  --workers N    how many processes the gateway has, default 1
  --client NAME  the pools of one client alone, such as pg, Prisma or "pg behind PgBouncer"
  --json         one JSON document`;

const options = {
  target: { type: "string" },
  seconds: { type: "string" },
  seed: { type: "string" },
  case: { type: "string" },
  workers: { type: "string" },
  client: { type: "string" },
  json: { type: "boolean" },
} as const;

await command(help, options, async (values) => {
  const target = targetNames.find((name) => name === values.target);
  if (target === undefined) throw new UsageError(`--target must be one of ${targetNames.join(", ")}.`);
  if (values.workers !== undefined && target !== "gateway") throw new UsageError("--workers is for --target gateway.");
  if (values.client !== undefined && target !== "pools") throw new UsageError("--client is for --target pools.");
  const seed = wholeNumber("seed", values.seed, Date.now(), { min: 0 });
  const seconds = wholeNumber("seconds", values.seconds, 60);
  const only = values.case === undefined ? undefined : wholeNumber("case", values.case, 0, { min: 0 });
  const workers = wholeNumber("workers", values.workers, 1, { max: 64 });
  const progress = progressLine();
  if (values.json !== true) process.stdout.write(`Seed ${seed}\n`);
  const result = await fuzz(target, {
    ...{ seed, seconds, only, workers, client: values.client },
    onProgress: (cases) => progress.say(`${target}: ${cases.toLocaleString("en")} cases`),
  });
  progress.clear();
  if (values.json === true) printJson(result);
  else process.stdout.write(`${resultText(result)}\n`);
  return result.breaches.length === 0 && result.deaths === 0 ? exitCodes.fine : exitCodes.bad;
});

function resultText({ target, cases, seconds, deaths, breaches, figures }: FuzzResult): string {
  return [
    `${target}: ${cases.toLocaleString("en")} cases in ${seconds} s, ${deaths} deaths`,
    ...Object.entries(figures).map(([name, value]) => `  ${name.padEnd(18)} ${value.toLocaleString("en")}`),
    ...(breaches.length === 0 ? ["All is as it should be."] : breaches.map((breach) => `BROKEN: ${breach}`)),
  ].join("\n");
}
