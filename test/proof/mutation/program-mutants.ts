import type { Check, Mutant } from "./mutant.ts";

const programsIn = (place: string): Check => ({ kind: "programs", place });

/** Guards that only ordinary programs come to: effects that nobody waits for, answers of somebody else, two mounts. */
export const programMutants: readonly Mutant[] = [
  {
    guard: "programs: a transaction ends with its work",
    file: "src/stores/transaction-guard.ts",
    search: "this.#hasEnded = true;",
    replace: "",
    check: programsIn("sqlite"),
    killedBy: "one-effect",
  },
  {
    guard: "programs: a lease runs out under a worker that somebody answered for",
    file: "src/server/leased-decisions.ts",
    search: 'return takeOverAfterMs > 0 ? "expire" : "abandon";',
    replace: 'return takeOverAfterMs > Infinity ? "expire" : "abandon";',
    check: programsIn("look"),
    killedBy: "one-effect",
  },
  {
    guard: "programs: once-again behind once-again is told",
    file: "src/frameworks/mounting.ts",
    search: "if (passage?.isNested) throw mountedTwice();",
    replace: "",
    check: programsIn("hold"),
    killedBy: "mounted-twice-is-told",
  },
];
