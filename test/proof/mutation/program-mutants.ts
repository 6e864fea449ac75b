import type { Check, Mutant } from "./mutant.ts";

const programsIn = (place: string): Check => ({ kind: "programs", place });

/** Guards for ordinary programs: effects that are not awaited, and answers of other code. */
export const programMutants: readonly Mutant[] = [
  {
    guard: "programs: a transaction ends with its work",
    file: "packages/once-again/src/stores/guard/guard.ts",
    search: "if (this.#hasEnded) throw lateUse(this.#onLateUse);",
    replace: "",
    check: programsIn("pg"),
    killedBy: "one-effect",
  },
];
