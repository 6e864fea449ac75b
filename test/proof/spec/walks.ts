/** One step of a model: between two states, with its name. */
export interface ModelStep {
  readonly from: string;
  readonly to: string;
  readonly what: string;
}

/** Steps as a model prints them: `from > to > name`. */
export const readSteps = (lines: Iterable<string>): ModelStep[] =>
  [...lines].map((line) => {
    const [from, to, what] = line.split(" > ") as [string, string, string];
    return { from, to, what };
  });

/**
 * Walks through a model, each from its first state, that take every step at least once. Real code can't be put into a state: it has
 * to come there.
 *
 * @throws Error for a step that no walk can reach.
 */
export function walksThrough(steps: readonly ModelStep[], first: string): ModelStep[][] {
  const stepsFrom = Map.groupBy(steps, ({ from }) => from);
  /** The last step of a shortest walk to each state. */
  const lastStepTo = new Map<string, ModelStep | undefined>([[first, undefined]]);
  for (const [state] of lastStepTo)
    for (const step of stepsFrom.get(state) ?? []) if (!lastStepTo.has(step.to)) lastStepTo.set(step.to, step);
  const left = new Set(steps);
  const take = (walk: ModelStep[], step: ModelStep): void => {
    walk.push(step);
    left.delete(step);
  };
  const walks: ModelStep[][] = [];
  // The farthest first: the way there takes many others.
  const byDistance = [...lastStepTo.keys()].toReversed().flatMap((state) => stepsFrom.get(state) ?? []);
  if (byDistance.length !== steps.length) throw new Error(`${steps.length - byDistance.length} steps are on no walk.`);
  for (const step of byDistance) {
    if (!left.has(step)) continue;
    const way: ModelStep[] = [step];
    for (let before = lastStepTo.get(step.from); before !== undefined; before = lastStepTo.get(before.from))
      way.unshift(before);
    const walk: ModelStep[] = [];
    for (const one of way) take(walk, one);
    for (let next: ModelStep | undefined = step; next !== undefined;) {
      next = stepsFrom.get(next.to)?.find((one) => left.has(one));
      if (next !== undefined) take(walk, next);
    }
    walks.push(walk);
  }
  return walks;
}
