import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { readEvidence, readHistory } from "./audit.ts";
import { type Breach, breaches, type History, type OrderEnd } from "./check.ts";
import type { ApiEntry, CallerEntry, Evidence } from "./evidence.ts";
import { type Cuts, injectFaults } from "./nemesis.ts";
import { type CrashOptions, type Scene, startScene } from "./scene.ts";
import { storyOf } from "./story.ts";
import { type CriticalWindow, windowHits, windowsOf } from "./windows.ts";

/** What a run came to. */
export interface CrashResult {
  readonly engine: string;
  readonly mode: string;
  readonly seed: number;
  readonly seconds: number;
  readonly faults: Readonly<Record<string, number>>;
  readonly windows: Readonly<Record<string, number>>;
  readonly missedWindows: readonly CriticalWindow[];
  /** How many orders ended how. */
  readonly orders: Readonly<Record<OrderEnd, number>>;
  /** How many requests came to which framework. */
  readonly frameworks: Readonly<Record<string, number>>;
  /** How many attempts had which answer; `none`: it was lost, or the caller died. */
  readonly attempts: Readonly<Record<string, number>>;
  readonly effects: number;
  /** Effects beyond the first of their order. */
  readonly duplicates: number;
  /** Orders whose acknowledged effect, or whose effect's record, is gone. */
  readonly losses: number;
  /** Keys that a person has to look at, as the store lists them. */
  readonly held: number;
  readonly breaches: readonly Breach[];
  /** What happened to the orders of the first breaches. */
  readonly stories: Readonly<Record<string, readonly string[]>>;
  /** Processes that ended by themselves. */
  readonly failures: readonly string[];
}

/** How many broken orders are told about at length. */
const storiesMax = 3;

/** How long callers may take, in peace, to end what they have begun, milliseconds. */
const quietMsMax = 60_000;

/**
 * Lets callers order, breaks things for so long, lets everything come to rest, and holds what is left against the
 * invariants.
 *
 * @param onProgress hears now and then how many seconds of faults are over.
 * @throws Error when the machine has no such server, or it does not start.
 */
export async function runCrash(
  options: CrashOptions,
  onProgress: (seconds: number) => void = () => undefined,
): Promise<CrashResult> {
  await using stack = new AsyncDisposableStack();
  const folder = mkdtempSync(join(tmpdir(), "once-again-crash-"));
  stack.defer(() => rmSync(folder, { recursive: true, force: true }));
  const scene = await startScene(options, folder, stack);
  const startedAt = performance.now();
  const telling = setInterval(() => onProgress((performance.now() - startedAt) / 1000), 500);
  stack.defer(() => clearInterval(telling));
  const cuts = await injectFaults(scene, {
    seed: options.seed,
    ms: options.seconds * 1000,
    // What breaks without a guard breaks soon.
    isThorough: options.without === undefined,
    operations: { engine: options.engine.name, url: scene.keysUrl, names: options.operations ?? [] },
  });
  await comeToRest(scene);
  const evidence = await readEvidence(options, scene, cuts);
  const history = await readHistory(options, scene, evidence);
  return resultOf(options, scene, { cuts, evidence, history });
}

/** Ends all faults, and lets callers of a last life end what they have begun. */
async function comeToRest(scene: Scene): Promise<void> {
  await Promise.all(scene.callers.map((caller) => caller.kill()));
  scene.finish();
  await Promise.all(scene.callers.map((caller) => caller.start()));
  await Promise.all(scene.callers.map((caller) => caller.ended(quietMsMax)));
  // Whoever still owns a key is no caller's any more.
  await setTimeout(scene.leaseMs);
}

function resultOf(
  { engine, mode, seed, seconds }: CrashOptions,
  scene: Scene,
  found: { cuts: Cuts; evidence: Evidence; history: History },
): CrashResult {
  const { apis, callers, wire, database } = scene;
  const { cuts, evidence, history } = found;
  const sum = (counts: readonly (readonly unknown[])[]): number => counts.flat().length;
  const hits = windowHits(evidence);
  const windows = windowsOf(mode, database !== undefined);
  const broken = breaches(history);
  const effectsOf = Map.groupBy(history.effects, ({ order }) => order);
  const ended = (end: OrderEnd): number => history.orders.filter((order) => order.end === end).length;
  return {
    engine: engine.name,
    mode,
    seed,
    seconds,
    faults: {
      "API process killed": sum(apis.map(({ deaths }) => deaths)),
      "API process stood still": sum(apis.map(({ pauses }) => pauses)),
      "caller killed": sum(callers.map(({ deaths }) => deaths)),
      "caller stood still": sum(callers.map(({ pauses }) => pauses)),
      "answer to a caller cut": wire.answersCut,
      ...(database && {
        "database killed": cuts.databaseKills,
        "question to the database cut": cuts.completionsLost,
        "answer of the database cut": database.wire.answersCut,
      }),
      "all connections of a wire cut": cuts.connectionsCut,
      ...cuts.operations,
    },
    windows: Object.fromEntries(windows.map((window) => [window, hits.get(window) ?? 0])),
    missedWindows: windows.filter((window) => (hits.get(window) ?? 0) === 0),
    orders: { ok: ended("ok"), fail: ended("fail"), info: ended("info"), open: ended("open") },
    frameworks: frameworksOf(evidence.api),
    attempts: attemptsOf(evidence.callers),
    effects: history.effects.length,
    duplicates: history.effects.length - effectsOf.size,
    losses: new Set(broken.filter(({ invariant }) => invariant === "no-lost-effect").map(({ order }) => order)).size,
    held: history.orders.filter(({ record }) => record === "held").length,
    breaches: broken,
    stories: Object.fromEntries(broken.slice(0, storiesMax).map(({ order }) => [order, storyOf(evidence, order)])),
    failures: [...apis, ...callers].flatMap(({ failures }) => failures),
  };
}

function frameworksOf(entries: readonly ApiEntry[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const entry of entries) {
    if (entry.event === "received") counts[entry.framework] = (counts[entry.framework] ?? 0) + 1;
  }
  return counts;
}

function attemptsOf(entries: readonly CallerEntry[]): Record<string, number> {
  const counts: Record<string, number> = { none: 0 };
  for (const entry of entries) {
    if (entry.event === "sent") counts["none"]! += 1;
    if (entry.event !== "answered") continue;
    counts["none"]! -= 1;
    counts[entry.status] = (counts[entry.status] ?? 0) + 1;
  }
  return counts;
}

/** Whether a run shows what it should: nothing broken, and every critical window hit. */
export function hasPassed({
  breaches,
  failures,
  missedWindows,
}: Readonly<Record<"breaches" | "failures" | "missedWindows", readonly unknown[]>>): boolean {
  return breaches.length + failures.length + missedWindows.length === 0;
}
