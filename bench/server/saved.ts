import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { isDeepStrictEqual } from "node:util";
import { UsageError } from "../../test/support/command.ts";
import { groupsOf } from "./group.ts";
import type { ServerResults } from "./report.ts";

const folder = new URL("../results/", import.meta.url);
const file = fileURLToPath(new URL("server.json", folder));

/** The facts that a run shares with the runs beside it. */
export type RunFacts = Omit<ServerResults, "measured">;

/**
 * The saved results that a run of some groups takes its place among.
 *
 * @throws UsageError when they are not of the same machine, day, versions and rounds.
 */
export function resultsBeside(facts: RunFacts): ServerResults {
  const saved = existsSync(file) ? (JSON.parse(readFileSync(file, "utf8")) as ServerResults) : undefined;
  // As it is read back.
  const { measured: _, ...others } = saved ?? { measured: [] };
  if (saved === undefined || !isDeepStrictEqual(others, JSON.parse(JSON.stringify(facts)))) {
    throw new UsageError(
      "--save of some groups needs results of the same machine, day, versions and rounds beside them: measure all first.",
    );
  }
  return saved;
}

/** Saves results. Groups that were measured anew take the place of what is saved of them in `beside`. */
export function saveResults(results: ServerResults, beside: ServerResults = results): void {
  const anew = new Map(groupsOf(results.measured).map(({ title, rows }) => [title, rows]));
  const measured = groupsOf(beside.measured).flatMap(({ title, rows }) => anew.get(title) ?? rows);
  mkdirSync(folder, { recursive: true });
  writeFileSync(file, `${JSON.stringify({ ...results, measured }, undefined, 2)}\n`);
}
