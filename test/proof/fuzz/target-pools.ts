import process from "node:process";
import { seededRandom } from "../../../packages/once-again/src/core/random.ts";
import { UsageError } from "../../support/command.ts";
import { findBinary } from "../../support/servers/binary.ts";
import { mariadbBinary } from "../../support/servers/mariadb.ts";
import { Breaches, type FuzzResult, type FuzzRun, runCases } from "./fuzz.ts";
import { mariadbGround } from "./pools/mariadb-ground.ts";
import { postgresGrounds } from "./pools/postgres-grounds.ts";
import { playRound } from "./pools/round.ts";

/** How many pools are used at a time. */
const atOnce = 8;

/** Drives stores on pools of the user's through an unsteady network. */
export async function fuzzPools(run: FuzzRun): Promise<FuzzResult> {
  const breaches = new Breaches();
  const figures: Record<string, number> = {};
  const hasMariadb = findBinary(mariadbBinary) !== undefined;
  const [ofPostgres, ofMariadb] = await Promise.all([postgresGrounds(), hasMariadb ? mariadbGround() : undefined]);
  const all = ofMariadb === undefined ? ofPostgres : [...ofPostgres, ofMariadb];
  const grounds = all.filter(({ name }) => run.client === undefined || name === run.client);
  if (grounds.length === 0) throw new UsageError(`--client must be one of ${all.map(({ name }) => name).join(", ")}.`);
  let played = "";
  const unhandled = (kind: string) => (error: unknown) =>
    breaches.add(`${kind} ${String(error)}`, `${kind}, at ${played}: ${(error as Error).stack ?? String(error)}`);
  const listeners = {
    unhandledRejection: unhandled("unhandled rejection"),
    uncaughtException: unhandled("uncaught exception"),
    warning: (warning: Error) => warning.name === "DeprecationWarning" || unhandled("warning")(warning),
  };
  for (const [event, listener] of Object.entries(listeners)) process.on(event, listener);
  const startedAt = performance.now();
  let isolated = 0;
  const cases = await runCases(run, atOnce, async (number) => {
    const ground = grounds[number % grounds.length]!;
    isolated += 1;
    played = `case ${number}, ${ground.name}`;
    const found = await playRound(ground, `c${number}r${isolated}`, seededRandom(`${run.seed} ${number}`));
    for (const [name, value] of Object.entries(found.figures)) figures[name] = (figures[name] ?? 0) + value;
    for (const sentence of found.breaches)
      breaches.add(`${ground.name} ${sentence.replaceAll(/c\d+r\d+(-[\w-]+)?/g, "")}`, `Case ${number}: ${sentence}`);
  });
  for (const [event, listener] of Object.entries(listeners)) process.removeListener(event, listener);
  await Promise.all([ofPostgres[0]!, ofMariadb].map(async (ground) => ground?.[Symbol.asyncDispose]()));
  const seconds = Math.round((performance.now() - startedAt) / 1000);
  return { target: "pools", seed: run.seed, cases, seconds, deaths: 0, breaches: breaches.all, figures };
}
