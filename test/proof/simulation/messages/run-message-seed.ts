import { uniform } from "../../../../packages/once-again/src/core/random.ts";
import type { NewMessage } from "../../../../packages/once-again/src/messaging/outbox/index.ts";
import { memoryStore } from "../../../../packages/once-again/src/stores/memory/index.ts";
import type { OutboxFlaw } from "../../../support/outbox/memory-outbox.ts";
import { simulatedDatabase } from "../database.ts";
import { effectService } from "../effects.ts";
import { executions } from "../executions.ts";
import type { Ground } from "../ground.ts";
import { deterministicPlatform } from "../platform.ts";
import { remoteStore } from "../remote-store.ts";
import type { SeedResult } from "../run-seed.ts";
import { type Scene, sceneOf } from "../scene.ts";
import { epochMs, type SimulatedProcess, simulatedProcess } from "../simulated-process.ts";
import { messageBreaches } from "./check.ts";
import { consumerProcess } from "./consumers.ts";
import { messageLedger } from "./ledger.ts";
import { messageBroker } from "./message-broker.ts";
import { messageNemesis, type Victim } from "./message-nemesis.ts";
import { outboxDatabase, type OutboxDatabase } from "./outbox-database.ts";
import { type MessagePlan, messagePlanOf } from "./plan.ts";
import { relayProcess } from "./relays.ts";

const consumers = ["billing", "shipping"];

/** Longer than anything takes that ends at all, virtual milliseconds; and how often it is looked whether all has ended. */
const [restMs, lookEveryMs] = [600_000, 1000];

/**
 * Plays one seed of messages to its end: services add, relays publish, consumers handle, with faults, and then a quiet time.
 *
 * @param flaw what is wrong with the outbox.
 */
export async function runMessageSeed(seed: number, flaw?: OutboxFlaw): Promise<SeedResult> {
  const scene = sceneOf(seed, messagePlanOf);
  const restorePlatform = deterministicPlatform(scene.random);
  try {
    return await play(seed, scene, flaw);
  } finally {
    restorePlatform();
  }
}

async function play(seed: number, scene: Scene<MessagePlan>, flaw: OutboxFlaw | undefined): Promise<SeedResult> {
  const { diary, plan, random, time } = scene;
  const effects = effectService(scene);
  const ledger = messageLedger(effects);
  const cuts = new Map<SimulatedProcess, number>();
  const isCut = (process: SimulatedProcess): boolean => scene.isFaulty && (cuts.get(process) ?? 0) > time.now;
  const outbox = outboxDatabase(scene, ledger, isCut, flaw);
  const poison = new Set<string>();
  const broker = messageBroker(scene, consumers, ledger, ({ id }) => poison.has(id) || scene.unlucky(plan.refusals));
  const ground = groundOf(scene, effects, ledger, isCut);

  const processes = (kind: string, count: number): SimulatedProcess[] =>
    Array.from({ length: count }, (_, index) => {
      if (plan.clockOffMsMax > 0) diary.fault("clock off");
      return simulatedProcess(`${kind} ${index + 1}`, time, uniform(random, -plan.clockOffMsMax, plan.clockOffMsMax));
    });
  const services = processes("service", plan.services);
  const relays = processes("relay", plan.relays).map((process) => relayProcess(scene, process, outbox, broker, ledger));
  const handlers = consumers.flatMap((consumer) =>
    processes(consumer, plan.consumers).map((process) => consumerProcess(ground, process, consumer, broker)),
  );
  for (const { start } of [...relays, ...handlers]) start();
  const victims: Victim[] = [
    ...services.map((process) => ({
      process,
      kind: "service" as const,
      start: () => undefined,
      crashed: () => outbox.crashed(process),
    })),
    ...relays.map((relay) => ({ ...relay, kind: "relay" as const })),
    ...handlers.map((handler) => ({
      ...handler,
      kind: "consumer" as const,
      crashed() {
        handler.crashed();
        ground.executions.crashed(handler.process);
        ground.database.crashed(handler.process);
        broker.crashed(handler.process);
      },
    })),
  ];
  writeAll(scene, services, outbox, poison);
  messageNemesis(scene, victims, broker, (process, ms) => cuts.set(process, time.now + ms));

  await time.run(plan.faultyMs);
  scene.isFaulty = false;
  poison.clear();
  const waiting = (): Record<string, number> => ({
    "in the outbox": outbox.waiting(),
    "at the broker": broker.waiting(),
    "with a service": outbox.open(),
  });
  const isWaiting = (): boolean => Object.values(waiting()).some((count) => count > 0);
  // Time stands where nothing happens any more.
  for (let atMs = plan.faultyMs; atMs < restMs && isWaiting(); atMs += lookEveryMs) {
    await outbox.retryParked();
    await time.run(atMs + lookEveryMs);
  }
  const breaches = messageBreaches({ ledger, effects, consumers, waiting: waiting() });
  return {
    seed,
    mode: plan.mode,
    breaches,
    portCalls: diary.portCalls,
    operations: ledger.commits.length,
    effects: effects.ledger.length,
    virtualMs: time.now,
    windows: Object.fromEntries(diary.windows),
    faults: Object.fromEntries(diary.faults),
    hash: diary.hash(),
    lines: breaches.length > 0 ? diary.lines : [],
  };
}

/** The ground of every consumer's process. In a process that is cut off from its database every call fails. */
function groundOf(
  scene: Scene<MessagePlan>,
  effects: Ground["effects"],
  ledger: ReturnType<typeof messageLedger>,
  isCut: (process: SimulatedProcess) => boolean,
): Ground<MessagePlan> {
  const { diary, time } = scene;
  const running = executions(diary);
  const store = memoryStore({
    clock: { now: () => epochMs + Math.floor(time.now), monotonic: () => time.now, timer: time.after },
  });
  const seenBy = (process: SimulatedProcess): Scene<MessagePlan> =>
    Object.create(scene, {
      unlucky: { value: (share: number) => isCut(process) || scene.unlucky(share) },
    }) as Scene<MessagePlan>;
  const database = simulatedDatabase(scene, effects, running);
  return {
    scene,
    effects,
    executions: running,
    database,
    storeOf: (process) =>
      remoteStore(seenBy(process), store, process, running, (what) =>
        ledger.breach("late-owner-changes-nothing", what, what),
      ),
  };
}

/** Has services add messages, each service several transactions at a time. */
function writeAll(
  scene: Scene<MessagePlan>,
  services: readonly SimulatedProcess[],
  outbox: OutboxDatabase,
  poison: Set<string>,
): void {
  const { plan, random, time } = scene;
  let numbers = 0;
  for (let transaction = 0; transaction < plan.transactions; transaction += 1) {
    const key = random() < 0.3 ? undefined : `key-${Math.floor(uniform(random, 0, plan.keys))}`;
    const messages = Array.from({ length: Math.floor(uniform(random, 1, 4)) }, (): NewMessage => {
      const id = `o${(numbers += 1)}`;
      if (random() < plan.poison) poison.add(id);
      return { id, topic: "orders", orderingKey: key, body: id };
    });
    const openMs = (): number => uniform(random, 0, plan.openMsMax);
    const ending = { workMs: openMs(), openMs: openMs(), commits: random() >= plan.rollbacks };
    const process = services[Math.floor(random() * services.length)]!;
    time.after(uniform(random, 0, plan.faultyMs * 0.8), () => {
      if (process.isAlive) void outbox.transact(process, messages, ending).catch(() => undefined);
    });
  }
}
