import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { quietMsMax, readEvidence, readHistory } from "./audit.ts";
import { type Breach, breaches, type History, type OrderEnd } from "./check.ts";
import { connectionsMax } from "./engine.ts";
import { type Acceptance, acceptedTrace, missingIn, refusalTexts } from "../trace/accept.ts";
import { type ApiEntry, type CallerEntry, type Evidence } from "./evidence.ts";
import { type Cuts, injectFaults } from "./nemesis.ts";
import { type CrashOptions, type Scene, startScene } from "./scene.ts";
import { storyOf } from "./story.ts";
import { windowHits, windowsOf } from "./windows.ts";

/** The result of a run. */
export interface CrashResult {
  readonly engine: string;
  readonly mode: string;
  readonly seed: number;
  readonly seconds: number;
  readonly faults: Readonly<Record<string, number>>;
  readonly windows: Readonly<Record<string, number>>;
  /** The windows that it did not hit, and what its trace does not show. */
  readonly missedWindows: readonly string[];
  /** How many orders ended how. */
  readonly orders: Readonly<Record<OrderEnd, number>>;
  /** How many requests came to which framework. */
  readonly frameworks: Readonly<Record<string, number>>;
  /** How many attempts had which answer; `none`: it was lost, or the caller died. */
  readonly attempts: Readonly<Record<string, number>>;
  readonly effects: number;
  /** Effects beyond the first of their order. */
  readonly duplicates: number;
  /** Orders that have lost an acknowledged effect, or the record of their effect. */
  readonly losses: number;
  /** Keys that a person has to look at, as the store lists them. */
  readonly held: number;
  readonly breaches: readonly Breach[];
  /** The stories of the orders of the first breaches. */
  readonly stories: Readonly<Record<string, readonly string[]>>;
  /** Faults of operators that this machine can't have, with the reason. */
  readonly skipped: readonly string[];
  /** Processes that ended by themselves, or did not end on request; connections that no process has any more. */
  readonly failures: readonly string[];
  /** The verdict on the trace of the store's calls, if one was asked for. */
  readonly trace: Acceptance | undefined;
}

/** How many broken orders get a story. */
const storiesMax = 3;

/**
 * Lets callers order, breaks things for so long, ends all faults, and holds what is left against the
 * invariants.
 *
 * @param onProgress called now and then with how many seconds of faults are over.
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
    // Without a guard the breaches come soon.
    isThorough: options.without === undefined,
    engine: options.engine,
    operations: scene.operations,
  });
  await comeToRest(scene);
  const evidence = await readEvidence(options, scene, cuts);
  const history = await readHistory(options, scene, evidence);
  const leaks = await abandonedConnections(scene);
  const trace = options.trace === undefined ? undefined : acceptedTrace(scene.files.trace, options.trace);
  const broken = await breaches(history, options.history);
  return resultOf(options, scene, { cuts, evidence, history, broken, leaks, trace });
}

/** Ends all faults, and lets callers of a last life end what they have begun. */
async function comeToRest(scene: Scene): Promise<void> {
  await Promise.all(scene.callers.map((caller) => caller.kill()));
  scene.finish();
  await Promise.all(scene.callers.map((caller) => caller.start()));
  await Promise.all(scene.callers.map((caller) => caller.ended(quietMsMax)));
  // No caller waits any more for a key that is still owned, so its lease may end.
  await setTimeout(scene.leaseMs);
}

/** How many connections this process has to the database itself: for keys and intents. */
const ownConnectionsMax = 12;

/** Says when a database has more clients than all pools may have, after the faults. */
async function abandonedConnections({ keys, apis }: Scene): Promise<string[]> {
  const connections = (await keys.connections?.()) ?? 0;
  const max = ownConnectionsMax + apis.length * connectionsMax;
  return connections <= max
    ? []
    : [`The database has ${connections} clients in peace, of which at most ${max} are ours.`];
}

function resultOf(
  { engine, mode, seed, seconds, beside }: CrashOptions,
  scene: Scene,
  found: {
    cuts: Cuts;
    evidence: Evidence;
    history: History;
    broken: readonly Breach[];
    leaks: readonly string[];
    trace: Acceptance | undefined;
  },
): CrashResult {
  const { apis, callers, wire, database } = scene;
  const { cuts, evidence, history, broken, leaks, trace } = found;
  const sum = (counts: readonly (readonly unknown[])[]): number => counts.flat().length;
  const hits = windowHits(evidence);
  const windows = windowsOf(mode, database !== undefined, {
    operations: scene.operations,
    beside,
    runsAgain: engine.runsAgain,
  });
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
      ...Object.fromEntries(
        scene.operations.map((name) => [name, cuts.operations.filter((fault) => fault.name === name).length]),
      ),
    },
    windows: Object.fromEntries(windows.map((window) => [window, hits.get(window) ?? 0])),
    missedWindows: [
      ...windows.filter((window) => (hits.get(window) ?? 0) === 0),
      ...(trace ? missingIn(trace) : []).map((one) => `in the trace: ${one}`),
    ],
    orders: { ok: ended("ok"), fail: ended("fail"), info: ended("info"), open: ended("open") },
    frameworks: frameworksOf(evidence.api),
    attempts: attemptsOf(evidence.callers),
    effects: history.effects.length,
    duplicates: history.effects.length - effectsOf.size,
    losses: new Set(broken.filter(({ invariant }) => invariant === "no-lost-effect").map(({ order }) => order)).size,
    held: history.orders.filter(({ record }) => record === "held").length,
    breaches: broken,
    stories: Object.fromEntries(broken.slice(0, storiesMax).map(({ order }) => [order, storyOf(evidence, order)])),
    skipped: scene.skipped,
    failures: [
      ...[...apis, ...callers].flatMap(({ failures }) => failures),
      ...cuts.stuck,
      ...leaks,
      ...(trace ? refusalTexts(trace) : []),
    ],
    trace,
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
