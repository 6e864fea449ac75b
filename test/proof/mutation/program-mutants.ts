import type { Check, Mutant } from "./mutant.ts";

const programsIn = (place: string): Check => ({ kind: "programs", place });

/** Guards that ordinary programs come to: effects that nobody waits for, and answers of somebody else. */
export const programMutants: readonly Mutant[] = [
  {
    guard: "programs: a transaction ends with its work",
    file: "packages/once-again/src/stores/guard/guard.ts",
    search: "if (this.#hasEnded) throw this.#lateUse();",
    replace: "",
    check: programsIn("pg"),
    killedBy: "one-effect",
  },
];
