import type { Check, Mutant } from "./mutant.ts";
import { checkMsMax, NoEnd, NoResult, runCheck } from "./run-check.ts";
import { StaleMutant, type Workshop, workshop } from "./workshop.ts";

/** The fate of one mutant. */
export interface MutantResult {
  readonly guard: string;
  readonly file: string;
  readonly killedBy: string;
  /**
   * `killed`: by what had to kill it. `stuck`: its check did not end any more, which is noticed as well. `survived`: nothing,
   * or something else, broke. `stale`: it could not be made.
   */
  readonly fate: "killed" | "stuck" | "survived" | "stale";
  /** The tests or invariants that broke. */
  readonly broken: readonly string[];
}

/** Whether what had to notice a mutant did. */
export const isNoticed = ({ fate }: MutantResult): boolean => fate === "killed" || fate === "stuck";

/** A check may take this many times as long with a mutant as without one. */
const slowdownMax = 4;

export interface MutantsOptions {
  /** How many are tried side by side, each in a separate copy. Default 1. */
  readonly atOnce?: number;
  /** How long a check may take besides, milliseconds: its tests end by their own time-outs. Default 150 s. */
  readonly timeoutsMs?: number;
}

/**
 * Makes each mutant, and sees whether its check notices.
 *
 * @throws Error when a check fails without any mutant: then it says nothing.
 */
export async function runMutants(
  mutants: readonly Mutant[],
  onResult: (result: MutantResult) => void,
  { atOnce = 1, timeoutsMs = 150_000 }: MutantsOptions = {},
): Promise<MutantResult[]> {
  const results = new Map<Mutant, MutantResult>();
  // A check runs once without any mutant, and then once with each of its mutants.
  const groups = [...Map.groupBy(mutants, ({ check }) => JSON.stringify(check)).values()];
  const work = groups.values();
  const copies = Array.from({ length: atOnce }, async () => {
    await using copy = await workshop();
    for (const group of work) {
      const msMax = Math.min(checkMsMax, slowdownMax * (await msWithout(copy, group[0]!.check)) + timeoutsMs);
      for (const mutant of group) {
        const result = await fateOf(mutant, () =>
          copy.withMutant(mutant, () => runCheck(copy.folder, mutant.check, { test: mutant.killedBy, msMax })),
        );
        results.set(mutant, result);
        onResult(result);
      }
    }
  });
  await Promise.all(copies);
  return mutants.map((mutant) => results.get(mutant)!);
}

/** How long a check takes without any mutant, milliseconds. @throws Error when it fails. */
async function msWithout({ folder }: Workshop, check: Check): Promise<number> {
  const startedAt = performance.now();
  const broken = await runCheck(folder, check);
  if (broken.length === 0) return performance.now() - startedAt;
  throw new Error(`Without any mutant this check fails: ${JSON.stringify(check)}: ${broken.join("; ")}`);
}

async function fateOf(mutant: Mutant, broken: () => Promise<string[]>): Promise<MutantResult> {
  const { guard, file, killedBy } = mutant;
  try {
    const found = await broken();
    const isKilled = found.some((name) => name.includes(killedBy));
    return { guard, file, killedBy, fate: isKilled ? "killed" : "survived", broken: found };
  } catch (error) {
    if (error instanceof NoEnd) return { guard, file, killedBy, fate: "stuck", broken: [error.message] };
    if (error instanceof NoResult) return { guard, file, killedBy, fate: "survived", broken: [error.message] };
    if (!(error instanceof StaleMutant)) throw error;
    return { guard, file, killedBy, fate: "stale", broken: [] };
  }
}
