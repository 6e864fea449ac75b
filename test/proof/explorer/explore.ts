import type { Configuration } from "./configuration.ts";
import { identity } from "./identity.ts";
import type { InvariantName } from "../invariants.ts";
import { brokenAtTheEnd, brokenIn } from "./invariants.ts";
import { leasedSteps } from "./leased-steps.ts";
import { appliedTo, type Step } from "./step.ts";
import { transactionalSteps } from "./transactional-steps.ts";
import { start, type Worker, type World } from "./world.ts";

export interface Exploration {
  readonly states: number;
  readonly transitions: number;
  /** The shortest way to a broken invariant; missing when there is none. */
  readonly counterexample?: { readonly breaks: InvariantName; readonly story: readonly string[] };
}

/** How a state was first reached. */
interface Reached {
  readonly from: number;
  readonly say: string;
}

/** Visits every state that a configuration can come to, nearest first, until an invariant is broken. */
export function explore(configuration: Configuration, onProgress?: (states: number) => void): Exploration {
  const { expected } = configuration;
  const first = start(configuration.requests.length);
  const seen = new Set([identity(first, configuration.requests)]);
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
      const steps = stepsFrom(world, configuration);
      const atEnd = steps.length === 0 ? brokenAtTheEnd(world, configuration).find(isLookedFor) : undefined;
      if (atEnd !== undefined) return ends(atEnd, at, ["nothing more happens, and a last repeat is sent"]);
      for (const step of steps) {
        transitions += 1;
        const id = identity(step.next, configuration.requests);
        const breaks = [...(step.breaks ? [step.breaks] : []), ...brokenIn(step.next, configuration)].find(isLookedFor);
        if (breaks !== undefined) return ends(breaks, at, [step.say]);
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

/** Everything that may happen next. */
export function stepsFrom(world: World, configuration: Configuration): Step[] {
  const { mode, requests } = configuration;
  const stepsOf = mode === "leased" ? leasedSteps : transactionalSteps;
  const own = requests.flatMap((_request, index) => stepsOf(world, index, configuration));
  return [...own, ...storeSteps(world, configuration)];
}

/** What happens in the store and to time, whatever the workers do. */
function storeSteps(world: World, configuration: Configuration): Step[] {
  const { record, now, late, lost } = world;
  const steps: Step[] = [];
  if (late !== undefined) {
    const { next, breaks } = appliedTo({ ...world, late: undefined }, late.operation, configuration);
    steps.push({ say: `the ${late.operation.kind} of request ${late.from + 1} arrives late`, next, breaks });
  }
  if (configuration.losesRecords && !lost && record !== undefined) {
    steps.push({ say: "the store loses the record", next: { ...world, record: undefined, lost: true } });
  }
  if (record?.state !== "running") return steps;
  const { takeOverAfterMs = 0 } = configuration;
  if (record.leaseUntil > now) {
    steps.push({ say: "time passes until the lease is over", next: { ...world, now: record.leaseUntil } });
  } else if (now < record.leaseUntil + takeOverAfterMs) {
    steps.push({
      say: "the quiet time passes: whoever worked has stopped",
      next: stopped({ ...world, now: record.leaseUntil + takeOverAfterMs }, takeOverAfterMs),
    });
  }
  return steps;
}

/**
 * What `quiesceMs` promises: that no worker has an effect any more so long after its lease has ended, as the worker knew
 * it. Whoever was answered for, and whose lease was ended by others, knows of no end but the first.
 */
function stopped(world: World, quiesceMs: number): World {
  const workers = world.workers.map((worker): Worker => {
    if ((worker.until ?? world.now - quiesceMs) + quiesceMs > world.now) return worker;
    const { worksOn: _over, ...rest } = worker;
    return worker.phase === "working" ? { phase: "crashed" } : rest;
  });
  return { ...world, workers };
}

function storyOf(reached: readonly Reached[], at: number): string[] {
  const story: string[] = [];
  for (let { from, say } = reached[at]!; from >= 0; { from, say } = reached[from]!) story.unshift(say);
  return story;
}
