import { setTimeout } from "node:timers/promises";
import { systemClock } from "../../../../packages/once-again/src/core/system-clock.ts";
import { timeLimit } from "../../../../packages/once-again/src/stores/time-limit.ts";
import { readLines } from "../evidence.ts";
import type { ConsumerEntry, Diary, Evidence, RelayEntry, WriterEntry } from "./evidence.ts";
import type { MessageHistory } from "./check.ts";
import type { MessageFaults } from "./nemesis.ts";
import type { MessagesOptions, Role, Scene } from "./scene.ts";
import { countOf, readEffects, readOrders } from "./tables.ts";

/** How many messages were committed, and how many wait somewhere. */
export interface Progress {
  readonly committed: number;
  readonly effects: number;
  readonly waiting: number;
}

/** The ids that places took, repeats included. */
const idsOfPlaces = (places: Scene["places"]): string[] => Object.values(places).flatMap(({ ids }) => ids);

/** A driver may wait for ever for what it asked a server that was killed just then. */
const withinTime = timeLimit(systemClock, 20_000);

/** How many messages are committed. @throws when the database is away. */
export const readCommitted = ({ database: { shop } }: Scene): Promise<number> => withinTime(countOf(shop, "orders"));

/** @throws when a server is away. */
export async function readProgress({ database: { shop }, broker: { admin }, places }: Scene): Promise<Progress> {
  const asked = [countOf(shop, "orders"), countOf(shop, "effects"), shop.outbox.backlog(), admin.waiting()] as const;
  const [committed, effects, backlog, waiting] = await withinTime(Promise.all(asked));
  const taken = new Set(idsOfPlaces(places)).size;
  return { committed, effects: effects + taken, waiting: backlog.messages + waiting };
}

/** How often a look in the end may find nothing gone forward, until what waits is said to wait for ever. */
const standstillLooksMax = 300;

/** How long after a look comes the next one, milliseconds: a busy process looks later, and not less often. */
const lookMs = 200;

/** How long nothing may go forward, milliseconds, where looks get no answer. */
const standstillMsMax = 300_000;

/** Waits until everything has had its effect, or nothing goes forward any more. */
export async function drained(scene: Scene): Promise<void> {
  let best = "";
  let since = performance.now();
  for (let looks = 0; looks < standstillLooksMax && performance.now() - since < standstillMsMax; looks += 1) {
    // A server may still be on its way back.
    const progress = await readProgress(scene).catch(() => undefined);
    if (progress?.waiting === 0 && progress.effects >= progress.committed) return;
    const now = JSON.stringify(progress);
    if (now !== best) [best, looks, since] = [now, 0, performance.now()];
    await setTimeout(lookMs);
  }
}

/** Reads what is there, when everything has come to rest. */
export async function readHistory({ broker: kind }: MessagesOptions, scene: Scene): Promise<MessageHistory> {
  const { broker, database, places } = scene;
  const ofPlaces = idsOfPlaces(places);
  const { shop } = database;
  const [orders, effects, published] = await Promise.all([
    readOrders(shop),
    readEffects(shop),
    broker.admin.published(),
  ]);
  const { messages, parked } = await shop.outbox.backlog();
  const left = {
    "messages in the outbox": messages,
    "parked messages": parked,
    "messages in the broker": await broker.admin.waiting(),
    "dead letters": await broker.admin.letters(),
  };
  return {
    orders,
    effects: [...effects, ...Array.from(new Set(ofPlaces), (message) => ({ message, life: "a place" }))],
    published: [...published, ...ofPlaces],
    left,
    deliversInOrder: kind.deliversInOrder,
  };
}

/** The diaries of all lives of a role. */
function diariesOf<Entry>(scene: Scene, role: Role): Diary<Entry>[] {
  return Array.from(scene.diaries[role], ([life, path]) => ({ life, read: () => readLines<Entry>(path) }));
}

export function readEvidence(scene: Scene, faults: MessageFaults, history: MessageHistory): Evidence {
  const all = Object.values(scene.processes).flat();
  const publishesOf = new Map<string, number>();
  const count = (id: string): void => void publishesOf.set(id, (publishesOf.get(id) ?? 0) + 1);
  for (const id of history.published) count(id);
  const relays = diariesOf<RelayEntry>(scene, "relay");
  for (const { read } of relays) {
    for (const { isDuplicate, ids } of read()) if (isDuplicate === true) ids.forEach(count);
  }
  return {
    leaseMs: scene.leaseMs,
    deaths: all.flatMap(({ deaths }) => deaths),
    pauses: all.flatMap(({ pauses }) => pauses),
    brokerDeaths: faults.brokerDeaths,
    databaseDeaths: faults.databaseDeaths,
    cuts: faults.cuts,
    shutPlaces: faults.shutPlaces,
    writers: diariesOf<WriterEntry>(scene, "writer"),
    relays,
    consumers: diariesOf<ConsumerEntry>(scene, "consumer"),
    committed: new Set(history.orders.map(({ id }) => id)),
    effectOf: new Map(history.effects.map(({ message, life }) => [message, life])),
    publishesOf,
  };
}

/** The story of one message, line by line, from the diaries and the faults of their writers. */
export function storyOf({ deaths, pauses, writers, relays, consumers }: Evidence, message: string): string[] {
  const own = [...writers, ...relays, ...consumers].flatMap(({ life, read }) =>
    read()
      .filter(({ ids }) => ids.includes(message))
      .map(({ at, ids: _ids, event, ...rest }) => ({ at, life, what: `${event} ${JSON.stringify(rest)}` })),
  );
  const lives = new Set(own.map(({ life }) => life));
  const done = [
    ...deaths.map(({ at, life }) => ({ at, life, what: "killed" })),
    ...pauses.flatMap(({ life, from, until }) => [
      { at: from, life, what: "stopped" },
      { at: until, life, what: "goes on" },
    ]),
  ];
  const startedAt = Math.min(...own.map(({ at }) => at));
  return [...own, ...done.filter(({ at, life }) => lives.has(life) && at >= startedAt)]
    .sort((one, other) => one.at - other.at)
    .map(({ at, life, what }) => `${String(at - startedAt).padStart(7)} ms  ${life} ${what}`);
}
