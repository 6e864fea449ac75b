import { describe, expect, onTestFinished, test } from "vitest";
import { memoryOutbox } from "../../../../../test/support/outbox/memory-outbox.ts";
import { fakeClock } from "../../../../testing/src/fake-clock.ts";
import { openRelay } from "./open-relay.ts";
import { type Publish, refusedError } from "./publish.ts";
import type { RelayEvent } from "./relay-event.ts";
import type { RelayOptions } from "./relay-options.ts";

/** A relay on an outbox in memory, with a clock that the test moves, and the ids that the broker has confirmed. */
function openTestRelay(options: Partial<RelayOptions> & { publish: Publish }) {
  const clock = fakeClock(1_700_000_000_000);
  const { outbox, begin, rows } = memoryOutbox({ clock });
  const events: RelayEvent[] = [];
  const onEvent = (event: RelayEvent): void => void events.push(event);
  const relay = openRelay({ outbox, clock, random: () => 1, onEvent, ...options });
  onTestFinished(async () => {
    const closed = relay.close();
    for (let seconds = 0; seconds < 12; seconds += 1) await clock.advance(1000);
    await closed;
  });
  const add = async (...ids: readonly string[]): Promise<void> => {
    const { transaction, commit } = await begin();
    for (const id of ids) await outbox.add(transaction, { id, topic: "orders", body: "" });
    await commit();
  };
  const published = (): string[] => events.flatMap((event) => (event.type === "published" ? [event.id] : []));
  /** Lets time pass until a message is confirmed, and returns how many seconds that took. */
  const secondsUntil = async (id: string, secondsMax: number): Promise<number> => {
    for (let seconds = 0; seconds < secondsMax; seconds += 1) {
      if (published().includes(id)) return seconds;
      await clock.advance(1000);
    }
    return Number.POSITIVE_INFINITY;
  };
  return { relay, outbox, clock, rows, events, add, published, secondsUntil };
}

/** A broker, of which one queue or endpoint takes messages and says nothing. */
const silentFor = (prefix: string): Publish => {
  return ({ id }) => (id.startsWith(prefix) ? new Promise(() => undefined) : Promise.resolve());
};

const ids = (prefix: string, count: number) => Array.from({ length: count }, (_, index) => `${prefix}-${index}`);

describe.each([3, 10, 50, 500])("%i messages for a place that does not answer", (count) => {
  test("stop no other message where places are many, and are refused and parked", async () => {
    const publish: Publish = Object.assign(silentFor("silent"), { hasManyPlaces: true });
    const { outbox, clock, add, secondsUntil } = openTestRelay({ publish, refusalsMax: 2 });
    await add(...ids("silent", count));
    for (let round = 0; round < 6; round += 1) {
      for (let seconds = 0; seconds < 25; seconds += 1) await clock.advance(1000);
      await add(`healthy-${round}`);
      // Places are taken for 10 s by those that hang.
      expect(await secondsUntil(`healthy-${round}`, 600)).toBeLessThan(25 * Math.ceil(count / 64));
    }
    for (let seconds = 0; seconds < 300; seconds += 1) await clock.advance(1000);
    expect(await outbox.backlog()).toMatchObject({ messages: count, parked: count });
  });

  test("stop no other message of one broker for long, and are never parked", async () => {
    const { outbox, clock, add, secondsUntil } = openTestRelay({ publish: silentFor("silent"), refusalsMax: 1 });
    await add(...ids("silent", count));
    for (let round = 0; round < 3; round += 1) {
      for (let seconds = 0; seconds < 60; seconds += 1) await clock.advance(1000);
      await add(`healthy-${round}`);
      // Eight are tried at a time, with up to 40 s for each try and its pause.
      expect(await secondsUntil(`healthy-${round}`, 4000)).toBeLessThan(45 * (1 + Math.ceil(count / 8)));
    }
    expect(await outbox.backlog()).toMatchObject({ parked: 0 });
  });
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
