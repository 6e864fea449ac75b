import type { Check, Mutant } from "./mutant.ts";
import { NoResult, runCheck } from "./run-check.ts";
import { StaleMutant, workshop } from "./workshop.ts";

/** What became of one mutant. */
export interface MutantResult {
  readonly guard: string;
  readonly file: string;
  readonly killedBy: string;
  /** `killed`: by what had to kill it. `survived`: nothing, or something else, broke. `stale`: it could not be made. */
  readonly fate: "killed" | "survived" | "stale";
  /** What broke. */
  readonly broken: readonly string[];
}

/**
 * Makes each mutant, and sees whether its check notices.
 *
 * @throws Error when a check fails without any mutant: then it says nothing.
 */
export async function runMutants(
  mutants: readonly Mutant[],
  onResult: (result: MutantResult) => void,
): Promise<MutantResult[]> {
  await using copy = await workshop();
  const results: MutantResult[] = [];
  const sound = new Set<string>();
  const checkSound = async (check: Check): Promise<void> => {
    const id = JSON.stringify(check);
    if (sound.has(id)) return;
    const broken = await runCheck(copy.folder, check);
    if (broken.length > 0) throw new Error(`Without any mutant this check fails: ${id}: ${broken.join("; ")}`);
    sound.add(id);
  };
  for (const mutant of mutants) {
    await checkSound(mutant.check);
    const result = await fateOf(mutant, () =>
      copy.withMutant(mutant, () => runCheck(copy.folder, mutant.check, mutant.killedBy)),
    );
    results.push(result);
    onResult(result);
  }
  return results;
}

async function fateOf(mutant: Mutant, broken: () => Promise<string[]>): Promise<MutantResult> {
  const { guard, file, killedBy } = mutant;
  try {
    const found = await broken();
    const isKilled = found.some((name) => name.includes(killedBy));
    return { guard, file, killedBy, fate: isKilled ? "killed" : "survived", broken: found };
  } catch (error) {
    if (error instanceof NoResult) return { guard, file, killedBy, fate: "survived", broken: [error.message] };
    if (!(error instanceof StaleMutant)) throw error;
    return { guard, file, killedBy, fate: "stale", broken: [] };
  }
}
