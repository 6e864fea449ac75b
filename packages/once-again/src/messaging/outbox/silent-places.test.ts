import { describe, expect, onTestFinished, test } from "vitest";
import { memoryOutbox } from "../../../../../test/support/outbox/memory-outbox.ts";
import { fakeClock } from "../../../../testing/src/fake-clock.ts";
import { openRelay } from "./open-relay.ts";
import { type Publish, refusedError, unavailableError } from "./publish.ts";
import type { RelayEvent } from "./relay-event.ts";
import type { RelayOptions } from "./relay-options.ts";

/** A relay on an outbox in memory, with a clock that the test moves, and the ids that the broker has confirmed. */
function openTestRelay(options: Partial<RelayOptions> & { publish: Publish }) {
  const clock = fakeClock(1_700_000_000_000);
  const { outbox, begin, rows } = memoryOutbox({ clock });
  const events: RelayEvent[] = [];
  const onEvent = (event: RelayEvent): void => void events.push(event);
  const relay = openRelay({ outbox, clock, random: () => 1, onEvent, onError: () => undefined, ...options });
  onTestFinished(async () => {
    const closed = relay.close();
    for (let seconds = 0; seconds < 12; seconds += 1) await clock.advance(1000);
    await closed;
  });
  const addTo = async (topic: string, ...ids: readonly string[]): Promise<void> => {
    const { transaction, commit } = await begin();
    for (const id of ids) await outbox.add(transaction, { id, topic, body: "" });
    await commit();
  };
  const add = (...ids: readonly string[]): Promise<void> => addTo("orders", ...ids);
  const published = (): string[] => events.flatMap((event) => (event.type === "published" ? [event.id] : []));
  /** Lets time pass until a message is confirmed, and returns how many seconds that took. */
  const secondsUntil = async (id: string, secondsMax: number): Promise<number> => {
    for (let seconds = 0; seconds < secondsMax; seconds += 1) {
      if (published().includes(id)) return seconds;
      await clock.advance(1000);
    }
    return Number.POSITIVE_INFINITY;
  };
  return { relay, outbox, clock, rows, events, add, addTo, published, secondsUntil };
}

const ids = (prefix: string, count: number) => Array.from({ length: count }, (_, index) => `${prefix}-${index}`);

/** How a place is bad: how a publish to it ends. */
const ills = {
  silent: () => new Promise<never>(() => undefined),
  "away or forbidden": () => Promise.reject(unavailableError("AccessDenied.")),
  "refusing all": () => Promise.reject(refusedError("No such queue.")),
};

describe.each(Object.entries(ills))("places of which some are %s", (_, fail) => {
  test.each([
    [1, 2, 300],
    [9, 10, 50],
    [990, 1000, 1],
  ])("hold up no message of another: %i of %i", async (bad, all, messagesEach) => {
    const publish: Publish = ({ topic }) => (topic.startsWith("bad") ? fail() : Promise.resolve());
    const { clock, addTo, published } = openTestRelay({ publish });
    const good = ids("good", all - bad);
    for (const place of good) await addTo(place, `${place}-0`);
    await clock.advance(1000);
    expect(published()).toHaveLength(good.length);
    for (const place of ids("bad", bad)) await addTo(place, ...ids(place, messagesEach));
    for (let round = 0; round < 30; round += 1) {
      await clock.advance(1300);
      const count = published().length;
      for (const place of good) await addTo(place, `${place}-again-${round}`);
      // At first, messages for which no place has a turn leave the relay within a second, and more of them come after.
      for (let seconds = 0; seconds < (round === 0 ? 2 : 1) && published().length < count + good.length; seconds += 1)
        await clock.advance(1000);
      expect(published()).toHaveLength(count + good.length);
    }
  });

  test("hold up no new place", async () => {
    const publish: Publish = ({ topic }) => (topic.startsWith("bad") ? fail() : Promise.resolve());
    const { clock, addTo, secondsUntil } = openTestRelay({ publish });
    for (const place of ids("bad", 400)) await addTo(place, place);
    // By then it has met all of them, and half of the room for such places is for those that it tries again.
    for (let seconds = 0; seconds < 150; seconds += 1) await clock.advance(1000);
    for (let round = 0; round < 10; round += 1) {
      for (let seconds = 0; seconds < 7; seconds += 1) await clock.advance(1000);
      await addTo(`new-${round}`, `new-${round}`);
      expect(await secondsUntil(`new-${round}`, 10)).toBeLessThanOrEqual(1);
    }
  });
});

test.each([3, 50])("%i messages that a place never confirms keep no other of that place for ever", async (count) => {
  const publish: Publish = ({ id }) => (id.startsWith("stuck") ? ills.silent() : Promise.resolve());
  const { outbox, add, secondsUntil } = openTestRelay({ publish, refusalsMax: 1, random: Math.random });
  await add(...ids("stuck", count), "healthy-0");
  for (let round = 0; round < 3; round += 1) {
    // One is tried at a time, and not the same again before the others of its line.
    expect(await secondsUntil(`healthy-${round}`, 41 * (count + 40))).toBeLessThan(Infinity);
    await add(`healthy-${round + 1}`);
  }
  expect(await outbox.backlog()).toMatchObject({ parked: 0 });
});

test("a place that is back gets all that waited for it", async () => {
  let isBack = false;
  const publish: Publish = async () => {
    if (!isBack) throw unavailableError("Gone.");
  };
  const { clock, rows, add, events } = openTestRelay({ publish });
  await add(...ids("1", 500));
  for (let seconds = 0; seconds < 100; seconds += 1) await clock.advance(1000);
  expect(rows).toHaveLength(500);
  expect(events.find(({ type }) => type === "place-unavailable")).toMatchObject({ place: "orders" });
  isBack = true;
  for (let seconds = 0; seconds < 31; seconds += 1) await clock.advance(1000);
  expect(rows).toHaveLength(0);
});

test("a publisher that refuses a message when its signal aborts has it parked in the end", async () => {
  const publish: Publish = (_, { signal }) =>
    new Promise((_resolve, reject) => signal.addEventListener("abort", () => reject(refusedError("No answer."))));
  const { clock, outbox, add } = openTestRelay({ publish, refusalsMax: 2 });
  await add("1");
  for (let seconds = 0; seconds < 60; seconds += 1) await clock.advance(1000);
  expect(await outbox.backlog()).toMatchObject({ parked: 1 });
});

test("a place is what the option place says, then the publisher, then the topic", async () => {
  const events: RelayEvent[] = [];
  const onEvent = (event: RelayEvent): void => void events.push(event);
  const publish: Publish = Object.assign(async () => undefined, { place: () => "a server" });
  const places = [{ publish, place: () => "an option" }, { publish }, { publish: async () => undefined }];
  for (const options of places) {
    const { add, clock } = openTestRelay({ ...options, onEvent });
    await add("1");
    await clock.advance(1000);
  }
  const thrower = openTestRelay({ publish, onEvent, place: () => JSON.parse("no") as string });
  await thrower.add("1");
  await thrower.clock.advance(1000);
  expect(events.map((event) => "place" in event && event.place)).toEqual(["an option", "a server", "orders", "orders"]);
});

test("a message that a place can't take at present is tried ever more rarely, and never parked", async () => {
  let hasRoom = false;
  let tries = 0;
  const publish: Publish = async () => {
    tries += 1;
    if (!hasRoom) throw refusedError("The queue is full.", undefined, { isTemporary: true });
  };
  const { outbox, clock, add, events, secondsUntil } = openTestRelay({ publish, refusalsMax: 1 });
  await add("1");
  for (let seconds = 0; seconds < 3600; seconds += 1) await clock.advance(1000);
  expect(await outbox.backlog()).toMatchObject({ messages: 1, parked: 0 });
  expect(tries).toBeLessThan(25);
  expect(new Set(events.map(({ type }) => type))).toEqual(new Set(["refused"]));
  hasRoom = true;
  expect(await secondsUntil("1", 600)).toBeLessThan(301);
});

describe("claims that find nothing, of an outbox with more to look through", () => {
  /** An outbox through which each round takes 100 claims of 5 ms. */
  function openSlowOutbox(publish: Publish = async () => undefined) {
    const clock = fakeClock(1_700_000_000_000);
    let claims = 0;
    const { outbox } = memoryOutbox({ clock });
    const claim: typeof outbox.claim = async () => {
      claims += 1;
      await clock.advance(5);
      return { batches: [], hasMore: claims % 100 !== 0 };
    };
    const relay = openRelay({ outbox: { ...outbox, claim }, publish, clock });
    return { relay, clock, claims: () => claims };
  }

  test("go through it at once when the relay is woken, and rest nine times as long where nothing has changed", async () => {
    const { relay, clock, claims } = openSlowOutbox();
    await expect.poll(claims).toBeGreaterThanOrEqual(100);
    const begunAt = clock.monotonic();
    const before = claims();
    while (clock.monotonic() - begunAt < 10_000) await clock.advance(10);
    const idle = claims() - before;
    // A tenth of ten seconds is 200 claims of 5 ms.
    expect(idle).toBeGreaterThan(50);
    expect(idle).toBeLessThan(250);
    const wokenAt = clock.monotonic();
    const wokenBefore = claims();
    relay.wake();
    await expect.poll(() => claims() - wokenBefore).toBeGreaterThan(60);
    expect(clock.monotonic() - wokenAt).toBeLessThan(1000);
    const closed = relay.close();
    await clock.advance(10_000);
    await closed;
  });
});
