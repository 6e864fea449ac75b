import { expect, test } from "vitest";
import type { ConsumerEntry, Diary, Evidence, RelayEntry, WriterEntry } from "./evidence.ts";
import { type MessageWindow, messageWindowHits, messageWindows } from "./windows.ts";

const ids = ["m"];
const none: Evidence = {
  leaseMs: 1000,
  deaths: [],
  pauses: [],
  brokerDeaths: [],
  databaseDeaths: [],
  shutPlaces: [],
  cuts: new Map(),
  writers: [],
  relays: [],
  consumers: [],
  committed: new Set(),
  effectOf: new Map(),
  publishesOf: new Map(),
};
const diary = <Entry>(life: string, ...entries: readonly Entry[]): Diary<Entry> => ({ life, read: () => entries });
const killed = (...lives: readonly string[]) => lives.map((life) => ({ life, at: 5000 }));
const hitsOf = (evidence: Partial<Evidence>): Record<string, number> =>
  Object.fromEntries(messageWindowHits({ ...none, ...evidence }));

const relaySteps = (...events: readonly RelayEntry["event"][]): RelayEntry[] =>
  events.map((event, at) => ({ at, event, ids }));
const writerSteps = (...events: readonly WriterEntry["event"][]): WriterEntry[] =>
  events.map((event, at) => ({ at, event, ids }));
const delivered = (deliveries: number, at = 1): ConsumerEntry => ({ at, event: "delivered", ids, deliveries });
const effect: ConsumerEntry = { at: 2, event: "effect", ids };
const handled = (isRepeat: boolean, at = 3): ConsumerEntry => ({ at, event: "handled", ids, isRepeat });

test.for<[MessageWindow | undefined, readonly WriterEntry["event"][], boolean]>([
  ["writer killed between add and commit", ["added"], false],
  ["writer killed between add and commit", ["added", "committing"], false],
  ["writer killed after its commit, before it heard of it", ["added", "committing"], true],
  [undefined, ["added", "committing", "committed"], true],
  [undefined, ["added", "rolled back"], false],
])("%s: a writer was killed that had come to %s, committed: %s", ([window, events, isCommitted]) => {
  const writers = [diary("writer-1.1", ...writerSteps(...events))];
  const committed = new Set(isCommitted ? ids : []);
  expect(hitsOf({ writers, committed, deaths: killed("writer-1.1") })).toEqual(window ? { [window]: 1 } : {});
});

test.for<[MessageWindow | undefined, readonly RelayEntry["event"][], number]>([
  ["relay killed between claim and publish", ["claimed"], 1],
  ["relay killed between publish and confirmation", ["claimed", "publishing"], 2],
  // It may not have left the relay.
  [undefined, ["claimed", "publishing"], 1],
  ["relay killed between confirmation and delete", ["claimed", "publishing", "confirmed"], 2],
  ["relay killed between confirmation and delete", ["claimed", "publishing", "confirmed", "removing"], 2],
  [undefined, ["claimed", "publishing", "confirmed", "removing"], 1],
  [undefined, ["claimed", "publishing", "confirmed", "removing", "removed"], 2],
])("%s: a relay was killed that had come to %s, published %s times", ([window, events, publishes]) => {
  const relays = [diary("relay-1.1", ...relaySteps(...events))];
  const publishesOf = new Map([["m", publishes]]);
  expect(hitsOf({ relays, publishesOf, deaths: killed("relay-1.1") })).toMatchObject(window ? { [window]: 1 } : {});
});

test.for([
  [2000, 1],
  // Its lease was not over.
  [900, undefined],
] as const)("a relay stood still until %s, and another claimed what it had: %s", ([until, count]) => {
  const relays = [
    diary("relay-1.1", ...relaySteps("claimed", "publishing")),
    diary<RelayEntry>("relay-2.1", { at: 800, event: "claimed", ids }),
  ];
  const hits = hitsOf({ relays, pauses: [{ life: "relay-1.1", from: 10, until }] });
  expect(hits["relay stood still past its lease, and another took its messages over"]).toBe(count);
});

test.for([
  ["places.silent", "others published beside a place that says nothing"],
  ["places.full", "others published beside a place that is full"],
] as const)("%s was shut: what the relay published elsewhere counts, after it was refused there", ([topic, window]) => {
  const shutPlaces = [{ topic, from: 2, until: 6 }];
  const other: RelayEntry = { at: 5, event: "confirmed", ids };
  const refused: RelayEntry = { at: 4, event: "failed", ids: [`m-${topic}`] };
  expect(hitsOf({ shutPlaces, relays: [diary("relay-1.1", refused, other)] })[window]).toBe(1);
  expect(hitsOf({ shutPlaces, relays: [diary("relay-1.1", refused)] })[window]).toBe(0);
  expect(hitsOf({ shutPlaces, relays: [diary("relay-1.1", other)] })[window]).toBeUndefined();
  expect(hitsOf({ shutPlaces: [], relays: [diary("relay-1.1", refused, other)] })[window]).toBeUndefined();
});

test("the broker was killed while a message was on its way, and the database before it was removed", () => {
  const sent: RelayEntry[] = [
    { at: 1, event: "publishing", ids },
    { at: 9, event: "failed", ids },
    { at: 10, event: "unremoved", ids },
  ];
  const relays = [diary("relay-1.1", ...sent)];
  expect(
    hitsOf({ relays, brokerDeaths: [{ from: 5, until: 7 }] })["broker killed between publish and confirmation"],
  ).toBe(1);
  expect(
    hitsOf({ relays, brokerDeaths: [{ from: 20, until: 22 }] })["broker killed between publish and confirmation"],
  ).toBe(0);
  const resent = [
    diary<RelayEntry>("relay-1.1", { at: 1, event: "publishing", ids }, { at: 9, event: "confirmed", ids }),
  ];
  const hits = (until: number) => hitsOf({ relays: resent, brokerDeaths: [{ from: 5, until }] });
  expect(hits(7)["broker killed between publish and confirmation"]).toBe(1);
  // It may have been confirmed before the broker was dead.
  expect(hits(9)["broker killed between publish and confirmation"]).toBe(0);
  expect(hitsOf({ relays })["database gone between confirmation and delete"]).toBe(1);
});

test.for<[MessageWindow, readonly ConsumerEntry[], readonly ConsumerEntry[], string]>([
  ["consumer killed between delivery and effect", [delivered(1)], [], ""],
  ["consumer killed between effect and commit", [delivered(1), effect], [], "consumer-2.1"],
  [
    "consumer killed between commit and acknowledgement",
    [delivered(1), effect, handled(false)],
    [delivered(2, 7), handled(true, 8)],
    "consumer-1.1",
  ],
  [
    "acknowledgement lost, and its consumer lived on",
    [delivered(1), effect, handled(false), { at: 9, event: "delivered", ids: ["other"], deliveries: 1 }],
    [delivered(2, 7), handled(true, 8)],
    "consumer-1.1",
  ],
])("%s", ([window, first, second, life]) => {
  const consumers = [diary("consumer-1.1", ...first), diary("consumer-2.1", ...second)];
  const effectOf = new Map(life === "" ? [] : [["m", life]]);
  expect(hitsOf({ consumers, effectOf, deaths: killed("consumer-1.1") })[window]).toBe(1);
});

test("a repeat that the relay published again is no lost acknowledgement", () => {
  const consumers = [diary("consumer-1.1", delivered(1), effect, handled(false), delivered(1, 7), handled(true, 8))];
  expect(hitsOf({ consumers, effectOf: new Map([["m", "consumer-1.1"]]) })).toEqual({});
});

test("a message that comes again from its place is a repeat of the broker's, which does not count", () => {
  const at = (ms: number, place: string): ConsumerEntry => ({ ...delivered(1, ms), place }) as ConsumerEntry;
  const came = (place: string) => [
    diary("consumer-1.1", at(1, "orders/0:7"), effect, handled(false), at(7, place), handled(true, 8)),
  ];
  const effectOf = new Map([["m", "consumer-1.1"]]);
  expect(hitsOf({ consumers: came("orders/0:7"), effectOf })).toEqual({
    "acknowledgement lost, and its consumer lived on": 1,
  });
  expect(hitsOf({ consumers: came("orders/0:8"), effectOf })).toEqual({});
});

test("a consumer was closed with messages in hand", () => {
  const closing: ConsumerEntry = { at: 2, event: "closing", ids };
  const consumers = [diary("consumer-1.1", delivered(1), closing, { at: 3, event: "left", ids })];
  expect(hitsOf({ consumers })).toEqual({ "consumer closed with messages in hand": 1 });
});

test("a message was taken over from a consumer that stood still", () => {
  const consumers = [diary("consumer-1.1", delivered(1)), diary("consumer-2.1", delivered(2, 1500))];
  const pauses = [{ life: "consumer-1.1", from: 10, until: 2000 }];
  expect(hitsOf({ consumers, pauses })["message taken over from a consumer that stood still"]).toBe(1);
});

test("a file has no connection that could be cut, and RabbitMQ no leases", () => {
  const all = messageWindows({ server: true, brokerKills: true, brokerLeases: true, fullPlace: true });
  expect(
    messageWindows({ server: false, brokerKills: false, brokerLeases: false, fullPlace: false }).length,
  ).toBeLessThan(all.length);
  expect(new Set(all).size).toBe(all.length);
});
