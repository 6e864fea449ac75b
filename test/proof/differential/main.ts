/** `npm run differential`: random requests through the gateway and straight to a back end. See docs/verification.md. */
import process from "node:process";
import { command, exitCodes, printJson, progressLine, wholeNumber } from "../../support/command.ts";
import { runDifferential } from "./run.ts";

const help = `npm run differential -- [--seed N] [--requests N] [--json]

Sends random requests through the gateway, on a route that passes through, and straight to the back end, and compares what
both ends saw: methods, headers, bodies, chunks, interim answers, trailers, compression, ranges, upgrades.

  --seed N       default the time
  --requests N   default 10,000
  --json         one JSON document`;

const options = { seed: { type: "string" }, requests: { type: "string" }, json: { type: "boolean" } } as const;

await command(help, options, async (values) => {
  const seed = wholeNumber("seed", values.seed, Date.now());
  const requests = wholeNumber("requests", values.requests, 10_000);
  const progress = progressLine();
  const differences = await runDifferential(seed, requests, (done) => {
    if (done % 100 === 0) progress.say(`${done.toLocaleString("en")} of ${requests.toLocaleString("en")} requests`);
  });
  progress.clear();
  if (values.json === true) printJson({ seed, requests, differences });
  else {
    const shown = differences.slice(0, 5).map((difference) => `${JSON.stringify(difference, undefined, 2)}\n`);
    const counts = `Seed ${seed}: ${requests.toLocaleString("en")} requests, ${differences.length} differences.\n`;
    process.stdout.write([counts, ...shown].join(""));
  }
  return differences.length === 0 ? exitCodes.fine : exitCodes.bad;
});
