import { uniform } from "../../../packages/once-again/src/core/random.ts";
import { makeKey } from "../../../packages/once-again/src/key/index.ts";
import { memoryStore } from "../../../packages/once-again/src/stores/memory/index.ts";
import type { InspectedRecord } from "../../../packages/once-again/src/stores/store.ts";
import { type Answer, type Order, carryOn, orderOf } from "./callers.ts";
import { type Breach, breaches } from "./check.ts";
import { simulatedDatabase } from "./database.ts";
import { effectService } from "./effects.ts";
import { executions } from "./executions.ts";
import type { Ground } from "./ground.ts";
import { nemesis } from "./nemesis.ts";
import type { Place } from "./network.ts";
import { type Mode, planOf } from "./plan.ts";
import { deterministicPlatform } from "./platform.ts";
import { remoteStore } from "./remote-store.ts";
import { type Scene, sceneOf } from "./scene.ts";
import { serverOn } from "./server.ts";
import { epochMs, simulatedProcess } from "./simulated-process.ts";
import type { ExecutedLine } from "../trace/trace-step.ts";
import type { CriticalWindow, FaultKind } from "./windows.ts";

/** The result of one seed. */
export interface SeedResult {
  readonly seed: number;
  readonly mode: Mode;
  readonly breaches: readonly Breach[];
  readonly portCalls: number;
  /** The things that must happen once: orders, or committed messages. */
  readonly operations: number;
  readonly effects: number;
  readonly virtualMs: number;
  readonly windows: Partial<Record<CriticalWindow, number>>;
  readonly faults: Partial<Record<FaultKind, number>>;
  /** SHA-256 over everything that happened. */
  readonly hash: string;
  /** The story, line by line: only where an invariant broke. */
  readonly lines: readonly string[];
}

/** Longer than anything takes that ends at all, virtual milliseconds. */
const restMs = 3_600_000;

/**
 * Plays one seed to its end: faults, a quiet time, an undisturbed call for each order, and the check.
 *
 * @param trace called with each call that the store of keys executes.
 */
export async function runSeed(seed: number, trace?: (line: ExecutedLine) => void): Promise<SeedResult> {
  const scene = sceneOf(seed, planOf);
  const restorePlatform = deterministicPlatform(scene.random);
  try {
    return await play(seed, scene, trace);
  } finally {
    restorePlatform();
  }
}

async function play(seed: number, scene: Scene, trace?: (line: ExecutedLine) => void): Promise<SeedResult> {
  const { time, plan, random, diary } = scene;
  const found: Breach[] = [];
  const effects = effectService(scene);
  const running = executions(diary);
  const database = simulatedDatabase(scene, effects, running);
  const store = memoryStore({
    clock: { now: () => epochMs + Math.floor(time.now), monotonic: () => time.now, timer: time.after },
  });
  const ground: Ground = {
    scene,
    effects,
    database,
    executions: running,
    storeOf: (process) =>
      remoteStore(
        scene,
        store,
        process,
        running,
        (what) => {
          found.push({ invariant: "late-owner-changes-nothing", what, about: what });
        },
        trace,
      ),
  };
  const places = Array.from({ length: plan.servers }, (_, index): Place => {
    if (plan.clockOffMsMax > 0) diary.fault("clock off");
    const process = simulatedProcess(
      `server ${index + 1}`,
      time,
      uniform(random, -plan.clockOffMsMax, plan.clockOffMsMax),
    );
    return { process, serve: serverOn(ground, process), onAnswer: () => undefined };
  });
  const restart = (place: Place): void => {
    place.process.start();
    place.serve = serverOn(ground, place.process);
    diary.note(`${place.process.name} starts`);
  };
  const orders = ordersOf(scene);
  const onSureFailure = ({ name }: Order): void => {
    if (!effects.ledger.some(({ order }) => order === name)) return;
    found.push({
      invariant: "no-lost-effect",
      what: `Order ${name} was called failed, and had happened.`,
      about: name,
    });
  };
  const ask = (order: Order): void => {
    for (let call = 0; call < order.calls; call += 1) void carryOn(scene, order, places, onSureFailure);
  };
  for (const order of orders) order.caller.after(uniform(random, 0, plan.faultyMs * 0.8), () => ask(order));
  nemesis(scene, { places, orders, running, database, restart, ask });

  await time.run(plan.faultyMs);
  scene.isFaulty = false;
  await time.run(restMs);

  const lastAnswers = new Map<Order, Answer>();
  const askAtRest = async (order: Order): Promise<void> => {
    const before = order.answers.length;
    void carryOn(scene, order, places, onSureFailure);
    await time.run(2 * restMs + time.now);
    const last = order.answers.slice(before).at(-1);
    if (last !== undefined) lastAnswers.set(order, last);
  };
  for (const order of orders) {
    await askAtRest(order);
    // A call may run the order itself, and be answered before a slow handler has ended: then it is asked once more.
    if (lastAnswers.get(order)?.isFinal !== true) await askAtRest(order);
  }
  const records = new Map<Order, InspectedRecord | undefined>();
  for (const order of orders) {
    const name = { scope: order.scope, key: order.key ?? "" };
    records.set(order, plan.mode === "transactional" ? database.inspect(name) : await store.inspect(name));
  }
  found.push(...breaches({ mode: plan.mode, orders, ledger: effects.ledger, lastAnswers, records }));
  return {
    seed,
    mode: plan.mode,
    breaches: found,
    portCalls: diary.portCalls,
    operations: orders.length,
    effects: effects.ledger.length,
    virtualMs: time.now,
    windows: Object.fromEntries(diary.windows),
    faults: Object.fromEntries(diary.faults),
    hash: diary.hash(),
    lines: found.length > 0 ? diary.lines : [],
  };
}

/** The orders of one seed: most with a key that the client makes, some under a key that is in use already. */
function ordersOf(scene: Scene): Order[] {
  const { plan, random } = scene;
  const clock = simulatedProcess("keys", scene.time, 0).clock;
  const orders: Order[] = [];
  for (let number = 1; number <= plan.operations; number += 1) {
    const calls = random() < 0.15 ? 2 : 1;
    const draw = random();
    const other = orders[Math.floor(random() * orders.length)];
    const key = calls > 1 || draw < 0.3 ? makeKey({ clock, random }) : undefined;
    const facts = { name: `o${number}`, scope: "acme", key, calls };
    if (other?.key !== undefined && draw < 0.1) orders.push(orderOf(scene, { ...facts, key: other.key }));
    else if (other?.key !== undefined && draw < 0.2)
      orders.push(orderOf(scene, { ...facts, key: other.key, scope: "umbrella" }));
    else orders.push(orderOf(scene, facts));
  }
  return orders;
}
