import type { InvariantName } from "../invariants.ts";
import type { Step } from "./step.ts";

/** A model to explore: where it begins, what may happen next, and which invariants are broken then. */
export interface Model<World> {
  readonly first: World;
  /** A text that is equal for two worlds if their differences can't matter. */
  identity(world: World): string;
  /** Everything that may happen next. */
  stepsFrom(world: World): Step<World>[];
  brokenIn(world: World): InvariantName[];
  /** The invariants that are broken where nothing can happen any more. */
  brokenAtTheEnd(world: World): InvariantName[];
  /** The last sentence of a story that ends there. */
  readonly end: string;
}

export interface Exploration {
  readonly states: number;
  readonly transitions: number;
  /** The shortest way to a broken invariant; missing when all hold. */
  readonly counterexample?: { readonly breaks: InvariantName; readonly story: readonly string[] };
}

/** How a state was first reached. */
interface Reached {
  readonly from: number;
  readonly say: string;
}

/** Visits every state that a model can come to, nearest first, until an invariant is broken. */
export function explore<World>(
  { first, identity, stepsFrom, brokenIn, brokenAtTheEnd, end }: Model<World>,
  expected: "clean" | InvariantName,
  onProgress?: (states: number) => void,
): Exploration {
  const seen = new Set([identity(first)]);
  const reached: Reached[] = [{ from: -1, say: "" }];
  let frontier = [{ at: 0, world: first }];
  let transitions = 0;
  // An unsafe configuration breaks several; the one that it is there for makes the story.
  const isLookedFor = (name: InvariantName): boolean => expected === "clean" || expected === name;
  const ends = (breaks: InvariantName, at: number, last: string[]): Exploration => ({
    states: seen.size,
    transitions,
    counterexample: { breaks, story: [...storyOf(reached, at), ...last] },
  });

  while (frontier.length > 0) {
    const next: typeof frontier = [];
    for (const { at, world } of frontier) {
      const steps = stepsFrom(world);
      const atEnd = steps.length === 0 ? brokenAtTheEnd(world).find(isLookedFor) : undefined;
      if (atEnd !== undefined) return ends(atEnd, at, [end]);
      for (const step of steps) {
        transitions += 1;
        const breaks = [...(step.breaks ? [step.breaks] : []), ...brokenIn(step.next)].find(isLookedFor);
        if (breaks !== undefined) return ends(breaks, at, [step.say]);
        const id = identity(step.next);
        if (seen.has(id)) continue;
        seen.add(id);
        next.push({ at: reached.push({ from: at, say: step.say }) - 1, world: step.next });
      }
    }
    frontier = next;
    onProgress?.(seen.size);
  }
  return { states: seen.size, transitions };
}

function storyOf(reached: readonly Reached[], at: number): string[] {
  const story: string[] = [];
  for (let { from, say } = reached[at]!; from >= 0; { from, say } = reached[from]!) story.unshift(say);
  return story;
}
