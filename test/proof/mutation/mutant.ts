import type { ScenarioName } from "../simulation/scenarios.ts";

/** A guard that is taken out of the sources, and the check that must notice. */
export interface Mutant {
  /** Which guard is gone. */
  readonly guard: string;
  readonly file: string;
  /** Stands exactly once in the file; a mutant is stale, and fails the run, when its text is not there. */
  readonly search: string;
  readonly replace: string;
  readonly check: Check;
  /** The invariant, or the test, that must break. */
  readonly killedBy: string;
}

/** The smallest check that must notice. */
export type Check =
  | { readonly kind: "explorer"; readonly configuration: string }
  | { readonly kind: "simulation"; readonly scenario?: ScenarioName; readonly seeds: number }
  /** A handful of programs of test/proof/programs, with effects in one of its places. */
  | { readonly kind: "programs"; readonly place: string }
  | { readonly kind: "test"; readonly file: string };
