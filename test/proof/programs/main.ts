/** `npm run programs`: programs at random, held against the promise. See docs/verification.md. */
import { randomInt } from "node:crypto";
import process from "node:process";
import fc from "fast-check";
import { command, exitCodes, printJson, progressLine, UsageError, wholeNumber } from "../../support/command.ts";
import { judge } from "./judge.ts";
import { knownPrograms } from "./known-programs.ts";
import { places } from "./places.ts";
import { type Program, programs } from "./program.ts";
import { observeProgram } from "./run-program.ts";

const help = `npm run programs -- [--programs N] [--place NAME] [--seed N] [--json]

Runs the programs that people found, then others at random: handlers with effects in parallel or not awaited, nested
transactions, early and second answers, time-outs of other parties, streams, callers that leave. Puts each behind a framework,
repeats it under its key, and holds the ledger against the answers. What breaks a rule is made as small as it gets.

  --programs N   how many in each place; default 100
  --place NAME   ${Object.keys(places).join(", ")}; default all
  --seed N       the same programs again
  --at-once N    how many run beside each other, 1 to 64; default 1
  --quick        leaves the first program that breaks a rule as it is
  --json         one JSON document`;

const options = {
  programs: { type: "string" },
  place: { type: "string" },
  seed: { type: "string" },
  "at-once": { type: "string" },
  quick: { type: "boolean" },
  json: { type: "boolean" },
} as const;

await command(
  help,
  options,
  async ({ programs: count, place: only, seed: given, "at-once": width, quick = false, json }) => {
    const numRuns = wholeNumber("programs", count, 100);
    const seed = wholeNumber("seed", given, randomInt(1, 2 ** 31));
    const atOnce = wholeNumber("at-once", width, 1, { max: 64 });
    const names = Object.keys(places);
    const chosen = names.filter((name) => only === undefined || name === only);
    if (chosen.length === 0) throw new UsageError(`--place must be one of: ${names.join(", ")}.`);
    const progress = progressLine();
    const results: object[] = [];
    let isBroken = false;
    for (const name of chosen) {
      await using place = await places[name]!();
      let runs = 0;
      /** The rules that a program broke when it was last run: another run of it may break none. */
      const found = new Map<string, ReturnType<typeof judge>>();
      const holds = async (program: Program): Promise<boolean> => {
        progress.say(`${name}: program ${(runs += 1)} of ${numRuns + knownPrograms.length}`);
        const breaches = judge(await observeProgram(program, place));
        if (breaches.length > 0) found.set(JSON.stringify(program), breaches);
        return breaches.length === 0;
      };
      const lines = Array.from({ length: atOnce }, (_, line) =>
        fc.check(fc.asyncProperty(programs, holds), {
          // Each line draws other programs.
          seed: seed + line,
          numRuns: Math.ceil(numRuns / atOnce) + (line === 0 ? knownPrograms.length : 0),
          examples: line === 0 ? knownPrograms.map(([, program]) => [program]) : [],
          endOnFailure: quick,
        }),
      );
      const ended = await Promise.all(lines);
      const failed = ended.some((line) => line.failed);
      const counterexample = ended.find((line) => line.failed)?.counterexample;
      progress.clear();
      const program = counterexample?.[0];
      const breaches = program === undefined ? [] : (found.get(JSON.stringify(program)) ?? []);
      isBroken ||= failed;
      results.push({ place: name, seed, programs: numRuns, broken: failed ? { program, breaches } : null });
      if (json) continue;
      process.stdout.write(`${failed ? "BROKEN" : "HOLDS "}  ${name}: ${numRuns} programs, seed ${seed}\n`);
      if (failed) process.stdout.write(`${JSON.stringify({ program, breaches }, undefined, 2)}\n`);
    }
    if (json) printJson(results);
    return isBroken ? exitCodes.bad : exitCodes.fine;
  },
);
