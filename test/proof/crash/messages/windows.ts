import type { Pause } from "../evidence.ts";
import { placeOf } from "./places.ts";
import type { ConsumerEntry, Diary, Evidence, RelayEntry, ServerDeath, WriterEntry } from "./evidence.ts";

/** The moments in which a fault can do harm. A run that misses one of them has proven too little. */
const windows = [
  "writer killed between add and commit",
  "relay killed between claim and publish",
  "relay killed between publish and confirmation",
  "relay killed between confirmation and delete",
  "relay stood still past its lease, and another took its messages over",
  "message published, its confirmation cut",
  "consumer killed between delivery and effect",
  "consumer killed between effect and commit",
  "consumer killed between commit and acknowledgement",
  "acknowledgement lost, and its consumer lived on",
  "consumer closed with messages in hand",
  "others published beside a place that says nothing",
] as const;

/** Those that take a database with a connection to it. */
const databaseWindows = [
  "writer killed after its commit, before it heard of it",
  "commit of a writer executed, its answer cut",
  "delete executed, its answer cut",
  "database gone between confirmation and delete",
  "commit of an effect executed, its answer cut",
  "commit of an effect cut before it was executed",
] as const;

/** A window that only a broker with messages that survive its death has. */
const brokerKilled = "broker killed between publish and confirmation";

/** A window that only a broker with leases on its deliveries has. */
const takenOver = "message taken over from a consumer that stood still";

/** A window that only a broker with bounded queues has. */
const besideFull = "others published beside a place that is full";

export type MessageWindow =
  | (typeof windows)[number]
  | (typeof databaseWindows)[number]
  | typeof brokerKilled
  | typeof takenOver
  | typeof besideFull;

/** The windows that a run has to hit. */
export function messageWindows(has: {
  server: boolean;
  brokerKills: boolean;
  brokerLeases: boolean;
  fullPlace: boolean;
}): MessageWindow[] {
  return [
    ...windows,
    ...(has.server ? databaseWindows : []),
    ...(has.brokerKills ? [brokerKilled] : []),
    ...(has.brokerLeases ? [takenOver] : []),
    ...(has.fullPlace ? [besideFull] : []),
  ] as MessageWindow[];
}

/** How often each window was hit, by what the run left behind. */
export function messageWindowHits(evidence: Evidence): Map<MessageWindow, number> {
  const hits = new Map<MessageWindow, number>();
  const hit = (window: MessageWindow, count = 1): void => void hits.set(window, (hits.get(window) ?? 0) + count);
  for (const [window, count] of evidence.cuts) hit(window as MessageWindow, count);
  const deathOf = new Map(evidence.deaths.map(({ life, at }) => [life, at]));
  for (const { life, read } of evidence.writers) {
    if (deathOf.has(life)) hitByWriter(evidence, read(), hit);
  }
  hitByRelays(evidence, deathOf, hit);
  hitByPlaces(evidence, hit);
  hitByConsumers(evidence, deathOf, hit);
  return hits;
}

type Hit = (window: MessageWindow, count?: number) => void;
type Deaths = ReadonlyMap<string, number>;

/** Each message that has not come to its end in a diary, and its last event. */
function open<Entry extends WriterEntry | RelayEntry | ConsumerEntry>(
  entries: Iterable<Entry>,
  ends: ReadonlySet<Entry["event"]>,
): Map<string, Entry> {
  const last = new Map<string, Entry>();
  for (const entry of entries) {
    for (const id of entry.ids) {
      if (ends.has(entry.event)) last.delete(id);
      else last.set(id, entry);
    }
  }
  return last;
}

const writerEnds: ReadonlySet<WriterEntry["event"]> = new Set(["committed", "rolled back", "failed"]);
// A message that is not confirmed, or not removed, belongs to the relay still; but none is under way any more.
const relayEnds: ReadonlySet<RelayEntry["event"]> = new Set(["removed", "failed", "given back"]);
const consumerEnds: ReadonlySet<ConsumerEntry["event"]> = new Set(["left"]);

function hitByWriter({ committed }: Evidence, entries: readonly WriterEntry[], hit: Hit): void {
  for (const [id, { event }] of open(entries, writerEnds)) {
    if (!committed.has(id)) hit("writer killed between add and commit");
    else if (event === "committing") hit("writer killed after its commit, before it heard of it");
  }
}

function hitByRelays(evidence: Evidence, deathOf: Deaths, hit: Hit): void {
  const { relays, pauses, publishesOf, brokerDeaths, leaseMs } = evidence;
  const isLong = ({ from, until }: Pause): boolean => until - from > leaseMs;
  const stopped = pauses.filter(isLong).map((pause) => ({ pause, ids: openAt(relays, pause, relayEnds) }));
  for (const { life, read } of relays) {
    const entries = read();
    for (const { event, at, ids } of entries) {
      if (event === "unremoved") hit("database gone between confirmation and delete", ids.length);
      if (event !== "claimed") continue;
      for (const { pause, ids: held } of stopped) {
        if (pause.life === life || at < pause.from || at > pause.until) continue;
        const taken = ids.filter((id) => held.has(id)).length;
        hit("relay stood still past its lease, and another took its messages over", taken);
      }
    }
    hit(brokerKilled, spanning(entries, brokerDeaths));
    if (!deathOf.has(life)) continue;
    for (const [id, { event }] of open(entries, relayEnds)) {
      // A message that was published once more had left the relay before; else it may not have.
      const isRepeated = (publishesOf.get(id) ?? 0) > 1;
      if (event === "claimed") hit("relay killed between claim and publish");
      if (event === "publishing" && isRepeated) hit("relay killed between publish and confirmation");
      if (event === "confirmed" || event === "removing") {
        if (isRepeated) hit("relay killed between confirmation and delete");
      }
    }
  }
}

/** The messages that a relay published elsewhere while a place was shut, after that place refused one. */
function hitByPlaces({ relays, shutPlaces }: Evidence, hit: Hit): void {
  for (const { topic, from, until } of shutPlaces) {
    for (const { read } of relays) {
      const entries = read().filter(({ at }) => from <= at && at <= until);
      const refused = entries.findIndex(
        ({ event, ids }) => event === "failed" && ids.some((id) => placeOf(id) === topic),
      );
      if (refused === -1) continue;
      const others = entries.slice(refused).filter(({ event, ids }) => event === "confirmed" && !ids.some(placeOf));
      hit(topic === "places.full" ? besideFull : "others published beside a place that says nothing", others.length);
    }
  }
}

/** The messages that a process had in its hands when it was stopped. */
function openAt<Entry extends RelayEntry | ConsumerEntry>(
  diaries: readonly Diary<Entry>[],
  { life, from }: Pause,
  ends: ReadonlySet<Entry["event"]>,
): ReadonlySet<string> {
  const entries = diaries.find((diary) => diary.life === life)?.read() ?? [];
  return new Set(
    open(
      entries.filter(({ at }) => at <= from),
      ends,
    ).keys(),
  );
}

/**
 * How many messages were on their way to the broker when it was killed. Some clients send them again by themselves, and the
 * broker confirms them when it is back.
 */
function spanning(entries: readonly RelayEntry[], brokerDeaths: readonly ServerDeath[]): number {
  const sentAt = new Map<string, number>();
  let count = 0;
  for (const { event, at, ids } of entries) {
    for (const id of ids) {
      const sent = sentAt.get(id);
      if (event === "publishing") sentAt.set(id, at);
      if (sent === undefined) continue;
      if (event === "failed" && brokerDeaths.some(({ from }) => sent <= from && from <= at)) count += 1;
      if (event === "confirmed" && brokerDeaths.some(({ from, until }) => sent <= from && until < at)) count += 1;
    }
  }
  return count;
}

/** When what is at each place was delivered first: some brokers do not say how often. */
function firstDeliveries(consumers: Evidence["consumers"]): ReadonlyMap<string, number> {
  const firstAt = new Map<string, number>();
  for (const { read } of consumers) {
    for (const entry of read()) {
      if (entry.event !== "delivered" || entry.place === undefined) continue;
      firstAt.set(entry.place, Math.min(entry.at, firstAt.get(entry.place) ?? Infinity));
    }
  }
  return firstAt;
}

function hitByConsumers(evidence: Evidence, deathOf: Deaths, hit: Hit): void {
  const { consumers, pauses, effectOf, leaseMs } = evidence;
  /** When those that were killed noted something last: it is heard of a death some time after it. */
  const lastWordOf = new Map(
    consumers.flatMap(({ life, read }) => (deathOf.has(life) ? [[life, read().at(-1)?.at ?? 0] as const] : [])),
  );
  const stopped = pauses
    .filter(({ from, until }) => until - from > leaseMs)
    .map((pause) => ({ pause, ids: openAt(consumers, pause, consumerEnds) }));
  const firstAt = firstDeliveries(consumers);
  for (const { life, read } of consumers) {
    const entries = read();
    const redelivered = new Map<string, number>();
    for (const entry of entries) {
      if (entry.event === "closing") {
        hit("consumer closed with messages in hand", entry.ids.length);
        continue;
      }
      const id = entry.ids[0]!;
      if (entry.event === "delivered") {
        const { at, deliveries, place = "" } = entry;
        if (deliveries > 1 || at > (firstAt.get(place) ?? Infinity)) redelivered.set(id, at);
        for (const { pause, ids } of stopped) {
          if (pause.life !== life && entry.at >= pause.from && entry.at <= pause.until && ids.has(id)) hit(takenOver);
        }
      }
      const at = redelivered.get(id);
      if (entry.event !== "handled" || !entry.isRepeat || at === undefined) continue;
      // It came again after its effect had committed: its first consumer did not acknowledge it, or the broker did not get
      // that.
      hit(
        at >= (lastWordOf.get(effectOf.get(id) ?? "") ?? Infinity)
          ? "consumer killed between commit and acknowledgement"
          : "acknowledgement lost, and its consumer lived on",
      );
    }
    if (!deathOf.has(life)) continue;
    const steps = entries.filter(({ event }) => event !== "closing");
    for (const [id, { event }] of open(steps, consumerEnds)) {
      if (event === "delivered") hit("consumer killed between delivery and effect");
      if (event === "effect" && effectOf.get(id) !== life) hit("consumer killed between effect and commit");
    }
  }
}
