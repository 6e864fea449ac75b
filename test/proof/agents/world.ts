import type { Random } from "../../../packages/once-again/src/core/random.ts";
import { fakeClock, type FakeClock } from "../../../packages/testing/src/index.ts";
import { memoryStore } from "../../../packages/once-again/src/stores/memory/index.ts";
import type { Store } from "../../../packages/once-again/src/stores/store.ts";
import type { Plan } from "./plan.ts";

/** An effect that a tool had: what its call was in truth, and in which words. */
export interface Effect {
  readonly truth: string;
  readonly item: string;
}

/** The things that outlive a process: the store, the effects, and the memory of a keyed tool's server. */
export interface World {
  readonly clock: FakeClock;
  readonly store: Store;
  readonly effects: Effect[];
  readonly resultsByKey: Map<string, ToolResult>;
  readonly random: Random;
  readonly plan: Plan;
  crashesLeft: number;
  /** Connections that were lost, before or after the effect. */
  lost: number;
}

/** The answer of a tool: the number of its effect. */
export interface ToolResult {
  readonly effect: number;
  readonly item: string;
}

export function makeWorld(plan: Plan, random: Random): World {
  const clock = fakeClock(1_800_000_000_000);
  const store = memoryStore({ clock });
  return { clock, store, effects: [], resultsByKey: new Map(), random, plan, crashesLeft: plan.crashesMax, lost: 0 };
}

/** One process of the harness: when it has crashed, nothing that it does reaches the world any more. */
export class Life {
  readonly world: World;
  readonly crashed = Promise.withResolvers<"crashed">();
  isDead = false;

  constructor(world: World) {
    this.world = world;
  }

  /** A place at which the process may die. It never comes back from there. */
  async point(): Promise<void> {
    const { world } = this;
    if (this.isDead) return forever();
    if (world.crashesLeft === 0 || world.random() >= world.plan.crashShare) return undefined;
    world.crashesLeft -= 1;
    this.isDead = true;
    this.crashed.resolve("crashed");
    return forever();
  }

  /**
   * The store as this process sees it: it may die before each call, or before it gets the answer.
   *
   * @param onClaimed called with each claimed key, and with the intention that was being decided then.
   * @param onCompleted called with each stored result and its key.
   */
  store(
    deciding: () => string,
    onClaimed: (key: string, truth: string) => void,
    onCompleted: (key: string, result: Uint8Array) => void,
  ): Store {
    const reach = async <Answer>(ask: () => Answer | Promise<Answer>): Promise<Answer> => {
      await this.point();
      const answer = await ask();
      await this.point();
      return answer;
    };
    const { store } = this.world;
    return {
      survivesFailover: "yes",
      claim: (request) => {
        const truth = deciding();
        return reach(async () => {
          const answer = await store.claim(request);
          if (answer.kind === "acquired") onClaimed(request.key, truth);
          return answer;
        });
      },
      complete: (request) =>
        reach(() => {
          onCompleted(request.key, request.result);
          return store.complete(request);
        }),
      renew: (request) => reach(() => store.renew(request)),
      release: (request) => reach(() => store.release(request)),
      checkpoint: (request) => reach(() => store.checkpoint(request)),
      inspect: (name) => reach(() => store.inspect(name)),
      list: (request) => reach(() => store.list(request)),
      resolve: (request) => reach(() => store.resolve(request)),
      purge: (request) => reach(() => store.purge(request)),
      close: async () => undefined,
    };
  }
}

function forever(): Promise<never> {
  return new Promise(() => undefined);
}

/** Carries a call out in the world, with all that can happen to it. @throws when the connection is lost. */
export async function haveEffect(life: Life, truth: string, item: string, key: string): Promise<ToolResult> {
  const { world } = life;
  await life.point();
  if (world.random() < world.plan.lossShare) {
    world.lost += 1;
    throw new Error("connection lost on the way there");
  }
  const known = world.plan.isKeyed ? world.resultsByKey.get(key) : undefined;
  const result = known ?? { effect: world.effects.length, item };
  if (known === undefined) world.effects.push({ truth, item });
  world.resultsByKey.set(key, result);
  await life.point();
  if (world.random() < world.plan.lossShare) {
    world.lost += 1;
    throw new Error("connection lost on the way back");
  }
  return result;
}
