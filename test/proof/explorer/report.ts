import type { Exploration } from "./explore.ts";
import { type InvariantName, invariants } from "../invariants.ts";

/** The result of exploring one configuration, beside the expected one. */
export interface Finding extends Exploration {
  readonly name: string;
  readonly about: string;
  readonly expected: "clean" | InvariantName;
  readonly verdict: "clean" | InvariantName;
  readonly asExpected: boolean;
}

export function findingOf(
  { name, about, expected }: Pick<Finding, "name" | "about" | "expected">,
  exploration: Exploration,
): Finding {
  const verdict = exploration.counterexample?.breaks ?? "clean";
  return { name, about, expected, verdict, asExpected: verdict === expected, ...exploration };
}

/** A finding for people: one line, and the story of a counterexample. */
export function findingText(finding: Finding): string {
  const { name, about, verdict, expected, asExpected, states, transitions, counterexample } = finding;
  const mark = asExpected ? "as expected" : `EXPECTED ${expected}`;
  const counts = `${states.toLocaleString("en")} states, ${transitions.toLocaleString("en")} steps`;
  const head = `${verdict === "clean" ? "clean   " : "VIOLATED"}  ${name} (${about}): ${counts}; ${mark}`;
  if (counterexample === undefined) return head;
  const story = counterexample.story.map((say, index) => `  ${String(index + 1).padStart(2)}. ${say}`);
  return [head, ...story, `      Broken, ${counterexample.breaks}: ${invariants[counterexample.breaks]}`].join("\n");
}
