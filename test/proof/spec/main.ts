/** `npm run spec`: checks the models of spec/, with every guard and without each. See spec/README.md. */
import { mkdtemp, rm } from "node:fs/promises";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { command, exitCodes, printJson, progressLine, UsageError, wholeNumber } from "../../support/command.ts";
import { findBinary } from "../../support/servers/binary.ts";
import { gccBinary, spinBinary } from "../../support/servers/spin.ts";
import { checkModels, type ModelResult, modelSteps } from "./check-model.ts";
import { type ModelRun, modelRuns, replayedOutbox } from "./models.ts";
import { replayInbox } from "./replay-inbox.ts";
import { replayOutbox } from "./replay-outbox.ts";

const help = `npm run spec -- [--only TEXT] [--at-once N] [--graph | --replay] [--json]

Checks the models of spec/ exhaustively: what must hold holds, what must be reachable is reached, and without any one
guard the property named for it is violated.

  --only TEXT    the models and guards that have this text in their name: key, outbox, K4
  --at-once N    how many are checked side by side, 1 to 16; default the machine's cores
  --graph        instead: prints the steps of the models, each once
  --replay       instead: real inboxes and relays take every step of their models, and not those of a model without a guard; minutes
  --json         one JSON document

It needs spin (${spinBinary.install}) and gcc (${gccBinary.install}).`;

const options = {
  only: { type: "string" },
  "at-once": { type: "string" },
  graph: { type: "boolean" },
  replay: { type: "boolean" },
  json: { type: "boolean" },
} as const;

await command(help, options, async ({ only = "", graph, replay, json, ...given }) => {
  const atOnce = wholeNumber("at-once", given["at-once"], Math.min(16, availableParallelism()), { max: 16 });
  const chosen = modelRuns.filter(({ model, definitions }) => `${model} ${definitions.join(" ")}`.includes(only));
  if (chosen.length === 0) throw new UsageError(`No model has "${only}" in its name.`);
  for (const binary of [spinBinary, gccBinary])
    if (findBinary(binary) === undefined) throw new UsageError(`${binary.name} is missing: ${binary.install}`);
  if (graph === true) {
    for (const { model, definitions, without } of chosen)
      if (without === undefined)
        for (const step of await modelSteps(model, definitions)) process.stdout.write(`${step}\n`);
    return exitCodes.fine;
  }
  if (replay === true) return replayAll(chosen);
  const progress = progressLine();
  const startedAt = performance.now();
  let done = 0;
  const results = await checkModels(chosen, atOnce, (result) => {
    progress.clear();
    if (json !== true) process.stdout.write(`${resultText(result)}\n`);
    progress.say(`${(done += 1)} of ${chosen.length} models`);
  });
  progress.clear();
  const properties = results.flatMap((result) => result.properties);
  const wrong = properties.filter(({ asExpected }) => !asExpected);
  const seconds = (performance.now() - startedAt) / 1000;
  if (json === true) printJson({ seconds, results });
  else {
    const variants = results.filter((result) => result.without !== undefined).length;
    process.stdout.write(
      `\n${properties.length - wrong.length} of ${properties.length} properties as expected; ${variants} guards taken out; ${seconds.toFixed(1)} s.\n`,
    );
  }
  return wrong.length === 0 ? exitCodes.fine : exitCodes.bad;
});

/** Replays models on the code, and prints how far each came. */
async function replayAll(runs: readonly ModelRun[]): Promise<number> {
  const replayable = runs.filter(
    (run) => run.model === "inbox" || (run.model === "outbox" && replayedOutbox(run) !== undefined),
  );
  if (replayable.length === 0)
    throw new UsageError("Only models of the inbox, and those of the outbox with a key, are replayed so.");
  let wrong = 0;
  for (const run of replayable) {
    const { model, without } = run;
    const definitions = model === "outbox" ? replayedOutbox(run)! : run.definitions;
    const folder = await mkdtemp(join(tmpdir(), "once-again-replay-"));
    try {
      const lines = await modelSteps(model, definitions);
      const { difference, walks, steps } =
        model === "outbox" ? await replayOutbox(lines, folder) : await replayInbox(lines, definitions, folder);
      if ((difference === undefined) !== (without === undefined)) wrong += 1;
      const name = [model, ...definitions].join(" ").padEnd(42);
      const taken = `${steps.toLocaleString("en")} steps on ${walks.toLocaleString("en")} walks`;
      process.stdout.write(`${difference === undefined ? "taken  " : "refused"}  ${name}  ${difference ?? taken}\n`);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  }
  return wrong === 0 ? exitCodes.fine : exitCodes.bad;
}

function resultText({ model, definitions, properties }: ModelResult): string {
  const name = [model, ...definitions].join(" ");
  return properties
    .map(({ property, verdict, asExpected, states }) => {
      const surprise = asExpected ? "" : "   NOT AS EXPECTED";
      return `${verdict.padEnd(8)}  ${name.padEnd(38)}  ${property.padEnd(28)}${states.toLocaleString("en").padStart(9)} states${surprise}`;
    })
    .join("\n");
}
