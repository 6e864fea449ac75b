/** The part of a result that every scenario has. */
export interface RunResult {
  readonly breaches: readonly unknown[];
  readonly failures: readonly unknown[];
  readonly missedWindows: readonly string[];
}

/** The runs of one scenario. */
export interface Runs<Result extends RunResult> {
  readonly results: readonly Result[];
  /** The critical windows that no run hit. */
  readonly missed: readonly string[];
}

/**
 * Repeats a run until each critical window was hit by one of them: which windows a fault hits is up to the machine. It ends at
 * once with a run that broke an invariant.
 *
 * @param run gets its index, from 0.
 * @param runsMax what so many runs miss can't be hit.
 */
export async function repeatUntilHit<Result extends RunResult>(
  run: (index: number) => Promise<Result>,
  runsMax: number,
): Promise<Runs<Result>> {
  const results: Result[] = [];
  let missed: readonly string[] | undefined;
  while (results.length < runsMax && missed?.length !== 0) {
    const result = await run(results.length);
    results.push(result);
    missed = missed?.filter((window) => result.missedWindows.includes(window)) ?? result.missedWindows;
    if (isBroken(result)) break;
  }
  return { results, missed: missed ?? [] };
}

/** Whether the runs show what they should: nothing broken, and every critical window hit. */
export function havePassed({ results, missed }: Runs<RunResult>): boolean {
  return missed.length === 0 && !results.some(isBroken);
}

/** Says why a test fails, the most important first: what is broken, what no run hit, and the last run. */
export function runsText<Result extends RunResult>(
  { results, missed }: Runs<Result>,
  resultText: (result: Result) => string,
): string {
  const last = results.at(-1)!;
  return [
    ...[...last.breaches, ...last.failures].map((problem) => `BROKEN: ${JSON.stringify(problem)}`),
    ...missed.map((window) => `NOT HIT in ${results.length} runs: ${window}`),
    resultText(last),
  ].join("\n");
}

function isBroken({ breaches, failures }: RunResult): boolean {
  return breaches.length + failures.length > 0;
}
