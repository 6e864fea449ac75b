import { seededRandom } from "../../../packages/once-again/src/core/random.ts";
import { type Hazards, type Program, randomProgram, reordered } from "./program.ts";
import { effectOf, Providers } from "./provider.ts";
import { type RunEnd, runHandler, type World } from "./run-handler.ts";

/** The hazards of all handlers; each set below leaves some out, or has others. */
const all: Hazards = {
  swaps: true,
  times: true,
  streams: true,
  deploys: false,
  faults: true,
  keyless: true,
  compares: true,
  replays: true,
  records: true,
};

const settings = {
  "one after another": { ...all, swaps: false, times: false, streams: false, faults: false, keyless: false },
  swaps: { ...all, times: false, streams: false, faults: false, keyless: false },
  times: { ...all, swaps: false, streams: false, faults: false, keyless: false },
  "a deployment": { ...all, deploys: true },
  everything: all,
  "a comparing service, nothing recorded": { ...all, replays: false, keyless: false, records: false },
  "nothing recorded": { ...all, records: false },
} as const satisfies Record<string, Hazards>;

export type SettingName = keyof typeof settings;

export const settingNames = Object.keys(settings) as readonly SettingName[];

/** The results of one handler, killed at each of its steps. */
export interface SeedResult {
  handlers: number;
  crashPoints: number;
  runs: number;
  requests: number;
  effects: number;
  succeeded: number;
  held: number;
  /** Operations of which an earlier run said that a call left without a key, and nothing could be written down. */
  said: number;
  waits: number;
  readonly breaches: string[];
}

/** How often a handler runs at most, the last time with nothing in its way. */
const runsMax = 4;

/** Runs one random handler once without faults, and then kills it at each step, and runs it again until it ends. */
export function runSeed(seed: number, setting: SettingName): SeedResult {
  const hazards = settings[setting];
  const program = randomProgram(seededRandom(`${setting} ${seed}`), hazards, 5);
  const calm = openWorld(`${seed}`, { ...hazards, faults: false });
  const whole = runHandler(calm, program, { isRerun: false, killedAt: Infinity, isCalm: true });
  const expected = calm.providers.effects;
  const result: SeedResult = {
    ...{
      handlers: 1,
      crashPoints: 0,
      runs: 1,
      requests: calm.sent,
      effects: 0,
      succeeded: 0,
      held: 0,
      said: 0,
      waits: 0,
    },
    breaches: whole.kind === "returned" && whole.wrong.length === 0 ? [] : [`the first run ${whole.kind}`],
  };
  for (let killedAt = 0; killedAt <= whole.steps; killedAt += 1) {
    result.crashPoints += 1;
    runUntilEnd(openWorld(`${setting} ${seed} ${killedAt}`, hazards), program, killedAt, expected, result);
  }
  return result;
}

function openWorld(seed: string, hazards: Hazards): World {
  const random = seededRandom(seed);
  return { providers: new Providers(), random, hazards, recorded: [], late: [], clock: 0, sent: 0 };
}

function runUntilEnd(
  world: World,
  program: Program,
  killedAt: number,
  expected: ReadonlyMap<string, number>,
  result: SeedResult,
): void {
  const { random, hazards, providers } = world;
  let wasKeyless = false;
  let end: RunEnd;
  for (let run = 1; ; run += 1) {
    const isLast = run === runsMax;
    const killed = run === 1 ? killedAt : !isLast && random() < 0.4 ? Math.floor(random() * 20) : Infinity;
    const again = run > 1 && hazards.deploys ? reordered(program, random) : program;
    world.recorded = structuredClone(world.recorded);
    end = runHandler(world, again, { isRerun: run > 1, killedAt: killed, isCalm: isLast });
    result.runs += 1;
    result.waits += end.waited;
    for (const wrong of end.wrong) result.breaches.push(`killed at ${killedAt}, run ${run}: ${wrong}`);
    if (end.kind === "returned") break;
    // A held operation is left alone, or run again by a person or by a rule.
    if (end.kind === "held" && (isLast || random() < 0.5)) break;
    wasKeyless ||= end.wasKeyless;
    if (isLast) {
      result.breaches.push(`killed at ${killedAt}: the last run ${end.kind}`);
      break;
    }
  }
  for (const request of world.late) providers.receive(request);
  result.requests += world.sent;
  result.effects += [...providers.effects.values()].reduce((sum, count) => sum + count, 0);
  if (end.kind === "held") result.held += 1;
  else result.succeeded += 1;
  if (!hazards.records && wasKeyless) {
    result.said += 1;
    return;
  }
  const doubts = end.doubts.map((call) => effectOf({ ...call, target: call.path + call.query }));
  for (const effect of new Set([...expected.keys(), ...providers.effects.keys()])) {
    const count = providers.effects.get(effect) ?? 0;
    const due = expected.get(effect) ?? 0;
    const doubtful = doubts.filter((doubt) => doubt === effect).length;
    const facts = `killed at ${killedAt}, ${end.kind}: ${effect} happened ${count} times, and ${due} are due`;
    // No effect too many, also where the operation is held.
    if (count > due || (end.kind === "returned" && count < due - doubtful)) result.breaches.push(facts);
  }
}

export interface Totals extends Omit<SeedResult, "breaches"> {
  readonly setting: SettingName;
  /** The first handler that broke. */
  first: { readonly seed: number; readonly breaches: readonly string[] } | undefined;
}

/** @param seeds handlers 1 to this. */
export function totalsOf(setting: SettingName, seeds: number): Totals {
  const totals: Totals = {
    setting,
    ...{ handlers: 0, crashPoints: 0, runs: 0, requests: 0, effects: 0, succeeded: 0, held: 0, said: 0, waits: 0 },
    first: undefined,
  };
  for (let seed = 1; seed <= seeds; seed += 1) {
    const { breaches, ...counts } = runSeed(seed, setting);
    for (const name of Object.keys(counts) as (keyof typeof counts)[]) totals[name] += counts[name];
    if (breaches.length > 0) totals.first ??= { seed, breaches };
  }
  return totals;
}
