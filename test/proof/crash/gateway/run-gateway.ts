import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import type { HistoryFile } from "../../../../packages/tools/src/judge/index.ts";
import { seededRandom } from "../../../../packages/once-again/src/core/random.ts";
import type { HeldKey } from "../../../../packages/tools/src/admin/key-document.ts";
import { listHeldKeys } from "../../../../packages/tools/src/admin/list.ts";
import { resolveWith } from "../../../../packages/tools/src/admin/resolve.ts";
import { settleKeys, type Settlement } from "../../../../packages/tools/src/admin/settle.ts";
import { serverStoreFromUrl } from "../../../../packages/once-again/src/command/store-from-url.ts";
import { serverPort } from "../../../support/servers/server-port.ts";
import type { CrashEngine } from "../engine.ts";
import { readLines } from "../evidence.ts";
import { type KillableProcess, killableProcess } from "../killable-process.ts";
import { type CallerCounts, type Order, type OrderEnd, send } from "./caller.ts";
import { type GatewayBreach, gatewayBreaches } from "./check.ts";
import {
  account,
  answerOf,
  type DeathPlace,
  deathPlaces,
  type Effect,
  type GatewayTask,
  policies,
  type ServiceTask,
} from "./orders.ts";

export interface GatewayCrashOptions {
  readonly engine: CrashEngine;
  readonly seed: number;
  /** How many keyed operations are sent, each by one caller or two at once, until they have an end. */
  readonly requests: number;
  /** Where the history is added to, for `once-again judge`. */
  readonly history?: HistoryFile | undefined;
}

/** The result of a run. */
export interface GatewayCrashResult {
  readonly scenario: "gateway";
  readonly engine: string;
  readonly seed: number;
  readonly requests: number;
  readonly seconds: number;
  readonly kills: Readonly<Record<"service" | "gateways", number>>;
  /** How often a service died at each place, and gateways. A run that misses one has proven too little. */
  readonly windows: Readonly<Record<string, number>>;
  readonly missedWindows: readonly string[];
  /** Attempts of callers, by their answer. */
  readonly attempts: Readonly<Record<string, number>>;
  /** How many of them came by HTTP/2. */
  readonly http2Attempts: number;
  readonly orders: Readonly<Record<string, number>>;
  readonly breaches: readonly GatewayBreach[];
  readonly failures: readonly string[];
}

const workers = 48;

/** How often an order is sent by two callers at once. */
const duplicateShare = 0.3;

/** How many answers a gateway lives for: [least, most]. By the clock, one on a busy machine would die before it has begun. */
const answersPerLife = [20, 400] as const;

/** How often its answers are counted, milliseconds. */
const countMs = 20;

/** So many orders to a death of the service, or so many deaths where a run is short. */
const ordersPerDeath = 500;
const deathsMin = 8;

/** How long a dead service may go unnoticed, milliseconds. */
const lookMs = 1000;

/** How often what is held is settled. */
const settleRoundsMax = 10;

/** Longer than a lease and the time for a repeat to notice, milliseconds. */
const restMs = 1500;

/**
 * Sends orders through two gateways on one store to a careless service, kills all of them all the time, and holds what is
 * left against the invariants. Then a person settles what is held, by the ledger, and each order has one effect.
 */
export async function runGateway(
  { engine, seed, requests, history }: GatewayCrashOptions,
  onProgress: (sent: number) => void = () => undefined,
): Promise<GatewayCrashResult> {
  await using stack = new AsyncDisposableStack();
  const folder = mkdtempSync(join(tmpdir(), "once-again-gateway-crash-"));
  stack.defer(() => rmSync(folder, { recursive: true, force: true }));
  const startedAt = performance.now();
  const server = engine.server && stack.use(await engine.server.start());
  const path = join(folder, "keys.db");
  const location = server?.url ?? `sqlite:${path}`;
  const keys = await engine.open(server?.url ?? path);
  await keys.prepare();
  await keys.close();
  const store = await serverStoreFromUrl(location);
  stack.defer(() => store.close());

  const files = { ledger: join(folder, "ledger"), deaths: join(folder, "deaths") };
  let ordersPerLife = Math.max(1, Math.min(ordersPerDeath, requests / deathsMin));
  const ports = { service: await serverPort(), gateways: [await serverPort(), await serverPort()] };
  const service = stack.use(
    killableProcess("service", "gateway/service-child.ts", (life): ServiceTask => {
      return { life, port: ports.service, ...files, seed, ordersPerLife };
    }),
  );
  const upstream = `http://127.0.0.1:${ports.service}`;
  const gateways = ports.gateways.map((port, at) =>
    stack.use(
      killableProcess(`gateway-${at + 1}`, "gateway/gateway-child.ts", (life): GatewayTask => {
        return { life, port, upstream, store: location };
      }),
    ),
  );
  await Promise.all([service, ...gateways].map((one) => one.start()));

  const random = seededRandom(seed);
  const counts: CallerCounts = { answers: {}, ofPort: new Map(), replays: 0, http2: 0 };
  const portOf = (): number => ports.gateways[Math.floor(random() * ports.gateways.length)]!;
  const sendOne = (order: Order): Promise<OrderEnd> => send(order, portOf, counts);
  const orders = Array.from({ length: requests }, (_, at): Order => {
    return { key: `order-${seed}-${at}`, policy: policies[at % policies.length]! };
  });
  const ends = new Map<string, OrderEnd[]>();
  const over = new AbortController();
  const killed = gateways.map((gateway, at) => {
    const answers = (): number => counts.ofPort.get(ports.gateways[at]!) ?? 0;
    return killAgain(gateway, { random, answers, signal: over.signal });
  });
  const faults = [keepAlive(service, over.signal), ...killed];
  await inParallel(orders, async (order) => {
    const callers = random() < duplicateShare ? [order, order] : [order];
    ends.set(order.key, await Promise.all(callers.map(sendOne)));
    onProgress(ends.size);
  });
  over.abort();
  await Promise.all(faults);
  const kills = { service: service.deaths.length, gateways: gateways.flatMap(({ deaths }) => deaths).length };

  // In peace, each order once more.
  await service.kill();
  ordersPerLife = 1e9;
  await service.start();
  await setTimeout(restMs);
  const ledgerNow = (): Effect[] => readLines<Effect>(files.ledger);
  const heldNow = async (): Promise<readonly HeldKey[]> =>
    (await listHeldKeys(store, { scope: account.value, limit: requests }, 0)).held;
  /** Sends each order once more. One that is unknown, and not held any more, has an answer by now: a late process stored it. */
  const sendAll = async (all: readonly Order[], into: Map<string, OrderEnd[]>): Promise<readonly HeldKey[]> => {
    const sendAgain = (some: readonly Order[]): Promise<void> =>
      inParallel(some, async (order) => void into.get(order.key)!.push(await sendOne(order)));
    await sendAgain(all);
    const keys = keysOf(await heldNow());
    await sendAgain(all.filter(({ key }) => into.get(key)!.at(-1) === "unknown" && !keys.has(key)));
    return heldNow();
  };
  const held = await sendAll(orders, ends);
  const ledger = ledgerNow();
  const breaches = await gatewayBreaches({ orders, ends, ledger, held: keysOf(held) }, history);

  // A person settles what is held, by the ledger, and it is sent again. On a busy machine that may be unknown once more.
  const effects = new Map(ledger.map((effect) => [effect.key, effect]));
  let left = held;
  for (let round = 0; left.length > 0 && round < settleRoundsMax; round += 1) {
    const had = new Map(ledgerNow().map((effect) => [effect.key, effect]));
    await settleKeys(
      store,
      left,
      (key) => settlementOf(key, had.get(key.key)),
      () => undefined,
    );
    const settled = left.map(({ key }): Order => ({ key, policy: "hold" }));
    const settledEnds = new Map<string, OrderEnd[]>(settled.map(({ key }) => [key, []]));
    left = await sendAll(settled, settledEnds);
    const found = { orders: settled, ends: settledEnds, ledger: ledgerNow(), held: keysOf(left) };
    breaches.push(...(await gatewayBreaches(found)));
  }
  const lastLedger = ledgerNow();

  const wasLate = (all: readonly OrderEnd[]): boolean => all.includes("unknown") && typeof all.at(-1) === "object";
  const heldWithEffect = held.filter(({ key }) => effects.has(key)).length;
  const places = readLines<{ place: DeathPlace }>(files.deaths).map(({ place }) => place);
  const windows = {
    ...Object.fromEntries(
      deathPlaces.map((place) => [`service died ${place}`, places.filter((one) => one === place).length]),
    ),
    "gateway killed": kills.gateways,
    "held, with an effect": heldWithEffect,
    "held, without one": held.length - heldWithEffect,
  };
  return {
    scenario: "gateway",
    engine: engine.name,
    seed,
    requests,
    seconds: Math.round((performance.now() - startedAt) / 1000),
    kills,
    windows,
    missedWindows: Object.entries(windows).flatMap(([name, hits]) => (hits === 0 ? [name] : [])),
    attempts: counts.answers,
    http2Attempts: counts.http2,
    orders: {
      "effects, before anybody settled": ledger.length,
      "outcomes unknown, named and held": held.length,
      "of them with their effect": heldWithEffect,
      "called unknown, and answered after all": [...ends.values()].filter(wasLate).length,
      "effects, when they were settled": lastLedger.length,
      replays: counts.replays,
      doubleEffects: lastLedger.length - new Set(lastLedger.map(({ key }) => key)).size,
    },
    breaches,
    failures: [...[service, ...gateways].flatMap(({ failures }) => failures), ...foreignKeys(counts)],
  };
}

/** An order has one key and one body: a gateway that answers 422 took a repeat for another operation, and met no key. */
function foreignKeys({ answers }: CallerCounts): string[] {
  const count = answers["422"] ?? 0;
  return count === 0 ? [] : [`${count} attempts were refused as another operation`];
}

const keysOf = (held: readonly HeldKey[]): Set<string> => new Set(held.map(({ key }) => key));

/** Does something with each value, many at a time. */
async function inParallel<Value>(values: readonly Value[], act: (value: Value) => Promise<void>): Promise<void> {
  const queue = values.values();
  const work = async (): Promise<void> => {
    for (const value of queue) await act(value);
  };
  await Promise.all(Array.from({ length: workers }, work));
}

/**
 * The settlement by a person who looks into the ledger: the order happened, with this answer; or it did not, and is sent
 * again.
 */
async function settlementOf(key: HeldKey, effect: Effect | undefined): Promise<Settlement> {
  if (effect === undefined) {
    return { as: "not-executed", note: { author: "ledger", reason: "The order is not in the ledger." } };
  }
  const response = { status: 201, headers: [], body: new TextEncoder().encode(answerOf(effect)) };
  const note = { author: "ledger", reason: "The order is in the ledger." };
  return resolveWith({ response, retentionMs: 86_400_000, ...note })(key);
}

/** Starts a process again whenever it has died, until the signal aborts. */
async function keepAlive(one: KillableProcess, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await one.ended(lookMs);
    if (one.life === undefined) await one.start();
  }
}

/** Kills a process after some of its answers and starts it again, until the signal aborts. */
async function killAgain(
  one: KillableProcess,
  { random, answers, signal }: { random: () => number; answers: () => number; signal: AbortSignal },
): Promise<void> {
  const [least, most] = answersPerLife;
  while (!signal.aborted) {
    const last = answers() + least + random() * (most - least);
    while (answers() < last && !signal.aborted) await setTimeout(countMs);
    await one.kill();
    await one.start();
  }
}
