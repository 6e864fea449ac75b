import { seededRandom } from "../../../packages/once-again/src/core/random.ts";
import { type Checkpoint, type Ledger, playLife } from "./harness.ts";
import { scriptedModel } from "./model.ts";
import { type Plan, planOf, type Rule } from "./plan.ts";
import { type Effect, Life, makeWorld, type World } from "./world.ts";

/** The result of one seed. */
export interface SeedResult {
  readonly seed: number;
  readonly plan: Plan;
  /** The breaches, a sentence each. */
  readonly breaches: readonly string[];
  readonly lives: number;
  readonly calls: number;
  readonly effects: number;
  readonly lost: number;
  readonly asked: number;
  readonly stopped: number;
  readonly failed: number;
  /** Results that the model got without a call of the tool. */
  readonly repeated: number;
}

/** How far time goes on while nothing can settle without it, milliseconds, and how often. */
const stepMs = 250;
const stepsMax = 4000;

/** Plays one run of an agent, over as many processes as it takes. */
export async function runSeed(seed: number, rule?: Rule): Promise<SeedResult> {
  const random = seededRandom(`agents ${seed}`);
  const plan = planOf(random, rule);
  const world = makeWorld(plan, random);
  const model = scriptedModel(random, plan.rewordShare);
  const ledger: Ledger = {
    ...{ handedOut: [], asked: new Map(), truths: new Map(), keys: new Map(), truthsByKey: new Map() },
    ...{ lives: 0, calls: 0, questions: 0, stopped: 0, failed: 0, results: 0, ran: 0 },
  };
  const checkpoint: Checkpoint = { answers: 0, messages: [{ role: "user", content: "Go." }] };
  let isOver = false;
  while (!isOver) {
    ledger.lives += 1;
    const life = new Life(world);
    const played = playLife(life, model, checkpoint, ledger).then(() => "over" as const);
    isOver = (await settle(world, Promise.race([played, life.crashed.promise]))) === "over";
    life.isDead = true;
  }
  const { lives, calls, questions: asked, stopped, failed } = ledger;
  const { effects, lost } = world;
  const repeated = ledger.results - ledger.ran;
  const counts = { lives, calls, effects: effects.length, lost, asked, stopped, failed, repeated };
  return { seed, plan, breaches: breachesOf(world, ledger), ...counts };
}

/** Lets time go on until something has ended. @throws when it never does. */
async function settle<Value>({ clock }: World, ending: Promise<Value>): Promise<Value> {
  let ended: { value: Value } | { error: unknown } | undefined;
  ending.then(
    (value) => (ended = { value }),
    (error: unknown) => (ended = { error }),
  );
  for (let step = 0; step < stepsMax; step += 1) {
    await clock.advance(ended === undefined ? stepMs : 0);
    if (ended === undefined) continue;
    if ("error" in ended) throw ended.error;
    return ended.value;
  }
  throw new Error(`nothing has ended within ${stepsMax * stepMs} ms`);
}

/**
 * One effect for each intention, and each intention its own. Calls in the same words can't be distinguished, so in a resumed
 * run one may get the other's result; but never both the same, and never more effects than intentions.
 */
function breachesOf({ effects }: World, { handedOut, asked }: Ledger): string[] {
  const doubled = effects.filter((_, at) => !hasOneEach(effects.slice(0, at + 1), asked));
  return [
    ...doubled.slice(0, 1).map(({ truth, item }) => `intention ${truth} had one effect too many ("${item}")`),
    ...manyOf(handedOut, "truth", "effect").map((truth) => `intention ${truth} got more than one result`),
    ...manyOf(handedOut, "effect", "truth").map(
      (effect) => `effect ${effect} is the result of more than one intention`,
    ),
  ];
}

/** Whether each effect can belong to a different intention, which was asked for in its words. */
function hasOneEach(effects: readonly Effect[], asked: Ledger["asked"]): boolean {
  const owners = new Map<string, Effect>();
  const place = (effect: Effect, tried: Set<string>): boolean =>
    [...asked].some(([truth, ways]) => {
      if (tried.has(truth) || ![...ways].some((way) => way.endsWith(` ${effect.item}`))) return false;
      tried.add(truth);
      const other = owners.get(truth);
      if (other !== undefined && !place(other, tried)) return false;
      owners.set(truth, effect);
      return true;
    });
  return effects.every((effect) => place(effect, new Set()));
}

/** The values of one name that came with more than one value of another. */
function manyOf<Name extends "truth" | "effect">(
  handedOut: Ledger["handedOut"],
  one: Name,
  other: "truth" | "effect",
): (string | number)[] {
  const groups = Map.groupBy(handedOut, (entry) => entry[one]);
  return [...groups].filter(([, same]) => new Set(same.map((entry) => entry[other])).size > 1).map(([value]) => value);
}
