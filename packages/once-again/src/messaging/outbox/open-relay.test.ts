import { describe, expect, onTestFinished, test } from "vitest";
import { memoryOutbox } from "../../../../../test/support/outbox/memory-outbox.ts";
import type { NewMessage } from "../../stores/outbox-store.ts";
import { fakeClock } from "../../../../testing/src/fake-clock.ts";
import { openRelay } from "./open-relay.ts";
import { type Publish, refusedError, unavailableError } from "./publish.ts";
import type { RelayEvent } from "./relay-event.ts";
import type { RelayOptions } from "./relay-options.ts";

const steady = () => 1000;

/** An outbox in memory with messages, and a relay on it, with a clock that only the test moves. */
async function relayOf(
  messages: readonly Partial<NewMessage>[],
  options: Partial<RelayOptions> & { publish: Publish },
) {
  const clock = fakeClock(1_700_000_000_000);
  const fixture = memoryOutbox({ clock });
  const events: RelayEvent[] = [];
  const add = async (...added: readonly Partial<NewMessage>[]): Promise<void> => {
    const { transaction, commit } = await fixture.begin();
    for (const message of added) await fixture.outbox.add(transaction, { topic: "orders", body: "", ...message });
    await commit();
  };
  for (const message of messages) await add(message);
  const relay = openRelay({
    outbox: fixture.outbox,
    clock,
    backoff: steady,
    pauseBackoff: steady,
    onEvent: (event) => events.push(event),
    onError: () => undefined,
    ...options,
  });
  onTestFinished(() => relay.close());
  return { ...fixture, relay, clock, events, add, types: () => events.map(({ type }) => type) };
}

/** A broker that records what it takes, and answers as the test says. */
function ledger(answer: (id: string, times: number) => unknown = () => undefined) {
  const ids: string[] = [];
  const publish: Publish = async ({ id }) => {
    ids.push(id);
    const error = await answer(id, ids.filter((one) => one === id).length);
    if (error !== undefined) throw error;
  };
  return { ids, publish };
}

const keyed = (orderingKey: string, ...ids: string[]) => ids.map((id) => ({ id, orderingKey }));

describe("a relay", () => {
  test("publishes what is there and what comes, and leaves an empty outbox", async () => {
    const { ids, publish } = ledger();
    const { relay, rows, clock, add, events } = await relayOf([{ id: "1" }, ...keyed("k", "2", "3")], { publish });
    await relay.idle();
    expect(ids.toSorted()).toEqual(["1", "2", "3"]);
    await add({ id: "4" });
    await clock.advance(1000);
    expect(ids.at(-1)).toBe("4");
    await relay.idle();
    expect(rows).toEqual([]);
    expect(events.filter(({ type }) => type === "published")).toHaveLength(4);
  });

  test("hands the broker the message as it was added, without its place in the outbox", async () => {
    const taken: unknown[] = [];
    const publish: Publish = async (message) => void taken.push(message);
    const { relay } = await relayOf([{ id: "1", headers: { a: "b" }, body: { amount: 1 } }], { publish });
    await relay.idle();
    const body = new TextEncoder().encode('{"amount":1}');
    const addedAt = 1_700_000_000_000;
    const headers = { "content-type": "application/json", a: "b" };
    expect(taken).toEqual([{ id: "1", topic: "orders", orderingKey: undefined, headers, body, addedAt }]);
  });

  test("publishes the messages of one key one by one, and others beside them, within its concurrency", async () => {
    let [running, runningMax] = [0, 0];
    const ofKey: string[] = [];
    const publish: Publish = async ({ id, orderingKey }) => {
      running += 1;
      runningMax = Math.max(runningMax, running);
      await new Promise((resolve) => setTimeout(resolve, 1));
      running -= 1;
      if (orderingKey === "k") ofKey.push(id);
    };
    const free = Array.from({ length: 20 }, (_, index) => ({ id: `free-${index}` }));
    const { relay } = await relayOf([...keyed("k", "1", "2", "3", "4"), ...free], { publish, concurrency: 3 });
    await relay.idle();
    expect(ofKey).toEqual(["1", "2", "3", "4"]);
    expect(runningMax).toBe(3);
  });

  test("removes nothing that the broker has not confirmed", async () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    const { relay, rows, clock } = await relayOf([{ id: "1" }], { publish: () => promise });
    await clock.advance(5000);
    expect(rows).toHaveLength(1);
    resolve();
    await relay.idle();
    expect(rows).toHaveLength(0);
  });

  test("tries a refused message again after its backoff, and its key waits for it", async () => {
    const { ids, publish } = ledger((id, times) => (id === "1" && times < 3 ? refusedError("not now") : undefined));
    const { clock, events } = await relayOf([...keyed("k", "1", "2"), ...keyed("l", "3")], { publish });
    await clock.advance(0);
    expect(ids.toSorted()).toEqual(["1", "3"]);
    await clock.advance(1000);
    await clock.advance(1000);
    expect(ids.filter((id) => id !== "3")).toEqual(["1", "1", "1", "2"]);
    expect(events.find(({ type }) => type === "refused")).toMatchObject({ id: "1", refusals: 1, delayMs: 1000 });
  });

  test.for(["block", "pass"] as const)("parks what is refused too often, and %ss its key", async (parked) => {
    const { ids, publish } = ledger((id) => (id === "1" ? new TypeError("no such field") : undefined));
    const messages = [...keyed("k", "1", "2"), { id: "free" }];
    const { clock, outbox, events } = await relayOf(messages, { publish, parked, refusalsMax: 2 });
    for (let seconds = 0; seconds < 5; seconds += 1) await clock.advance(1000);
    expect(ids.filter((id) => id !== "free")).toEqual(parked === "block" ? ["1", "1"] : ["1", "1", "2"]);
    expect(await outbox.listUnconfirmed()).toMatchObject([{ id: "1", refusal: "no such field", refusals: 2 }]);
    expect(events.find(({ type }) => type === "parked")).toMatchObject({ id: "1", blocks: parked === "block" });
    if (parked === "pass") return;
    await outbox.discardParked("1");
    await clock.advance(1000);
    expect(ids.at(-1)).toBe("2");
  });

  test.for([
    ["a publisher that says so", unavailableError("The channel is closed.")],
    ["a connection that was refused", Object.assign(new Error("connect"), { code: "ECONNREFUSED" })],
  ] as const)("waits a broker out that can't be reached, however long, and counts nothing: %s", async ([, error]) => {
    let isUp = false;
    const { ids, publish } = ledger(() => (isUp ? undefined : error));
    const messages = Array.from({ length: 20 }, (_, index) => ({ id: `${index}` }));
    const { relay, clock, rows, types } = await relayOf(messages, { publish, refusalsMax: 1 });
    for (let seconds = 0; seconds < 100; seconds += 1) await clock.advance(1000);
    expect(rows).toHaveLength(20);
    expect(new Set(types())).toEqual(new Set(["place-unavailable"]));
    // One at a time, to see whether it is back.
    expect(ids.length).toBeLessThan(102);
    isUp = true;
    await clock.advance(1000);
    await relay.idle();
    expect(rows).toHaveLength(0);
  });

  test("what was not confirmed is listed with its place and the last answer, from the first attempt to its confirmation", async () => {
    const forbidden = unavailableError("SQS did not confirm it.", new Error("not authorized"));
    let answer: (id: string) => unknown = (id) => (id === "1" ? refusedError("no such queue") : forbidden);
    const { publish } = ledger((id) => answer(id));
    const places = { place: ({ id }: { id: string }) => (id === "1" ? "one" : "other") };
    const { clock, outbox, rows, relay } = await relayOf([{ id: "1" }, { id: "2" }, ...keyed("k", "3", "4")], {
      publish,
      ...places,
      refusalsMax: 100,
    });
    const listed = async () => (await outbox.listUnconfirmed()).map(({ id, place, refusals }) => [id, place, refusals]);
    await clock.advance(0);
    // The other place is away: what was tried there is listed, and not counted as a refusal.
    expect([
      ["1", "one", 1],
      ["2", "other", 0],
      ["3", "other", 0],
    ]).toEqual(expect.arrayContaining(await listed()));
    expect((await outbox.listUnconfirmed()).find(({ place }) => place === "other")!.refusal).toMatch(
      /^SQS did not confirm it\..* \| cause: Error: not authorized$/,
    );
    expect((await listed()).length).toBeGreaterThanOrEqual(2);
    for (let seconds = 0; seconds < 20; seconds += 1) await clock.advance(1000);
    expect(await outbox.backlog()).toMatchObject({ messages: 4, unconfirmed: 3, places: 2 });
    answer = () => undefined;
    for (let seconds = 0; seconds < 5; seconds += 1) await clock.advance(1000);
    await relay.idle();
    expect(await listed()).toEqual([]);
    expect(rows).toEqual([]);
  });

  test("a message that was refused waits among those that its place did not confirm", async () => {
    let isAway = false;
    const { publish } = ledger((id) =>
      isAway ? unavailableError("Gone.") : id === "1" ? refusedError("no") : undefined,
    );
    const { clock, rows } = await relayOf([{ id: "1" }], { publish, pauseBackoff: () => 5000 });
    await clock.advance(0);
    expect(rows[0]).toMatchObject({ refusals: 1, line: undefined });
    isAway = true;
    for (let seconds = 0; seconds < 3; seconds += 1) await clock.advance(1000);
    expect(rows[0]).toMatchObject({ refusals: 1, line: "failed", place: "orders" });
  });

  test("hands nothing more to a broker that can't be reached, before its pause is over", async () => {
    const { ids, publish } = ledger(() => unavailableError("The channel is closed."));
    const messages = Array.from({ length: 20 }, (_, index) => ({ id: `${index}` }));
    const { clock } = await relayOf(messages, { publish, concurrency: 2 });
    await clock.advance(999);
    expect(ids).toHaveLength(1);
    await clock.advance(1);
    await clock.advance(0);
    expect(ids).toHaveLength(2);
  });

  test("cuts a publish that takes too long, and goes on with others", async () => {
    const signals: AbortSignal[] = [];
    const publish: Publish = ({ id }, { signal }) => {
      if (id !== "stuck") return Promise.resolve();
      signals.push(signal);
      return new Promise(() => undefined);
    };
    const { clock, rows, relay, types } = await relayOf([{ id: "stuck" }, ...keyed("k", "1", "2")], { publish });
    await clock.advance(10_000);
    expect(signals[0]!.aborted).toBe(true);
    for (let seconds = 0; seconds < 600 && rows.length > 1; seconds += 1) await clock.advance(1000);
    expect(rows.map(({ message }) => message.id)).toEqual(["stuck"]);
    expect(rows[0]!.refusals).toBe(0);
    expect(types()).not.toContain("refused");
    const closed = relay.close();
    await clock.advance(10_000);
    await closed;
  });

  test("does not hand the broker what its lease may be over for, but claims it anew", async () => {
    const clock = fakeClock();
    const { outbox, begin } = memoryOutbox({ clock });
    const { transaction, commit } = await begin();
    for (const message of keyed("k", "1", "2", "3"))
      await outbox.add(transaction, { ...message, topic: "t", body: "" });
    await commit();
    let claims = 0;
    const claim: typeof outbox.claim = async (request) => {
      const claimed = await outbox.claim(request);
      if (claimed.batches.length > 0) claims += 1;
      return claimed;
    };
    const published: unknown[] = [];
    const publish: Publish = ({ id }) => {
      published.push([id, claims]);
      return new Promise((resolve) => clock.timer(60, resolve));
    };
    const relay = openRelay({ outbox: { ...outbox, claim }, publish, clock, publishMsMax: 100, leaseMs: 200 });
    await clock.advance(2000);
    const within = [
      ["1", 1],
      ["2", 1],
    ];
    expect(published).toEqual([...within, ["3", 2]]);
    await relay.close();
  });

  test("says that a claim took too long to publish anything of it, and publishes after one that is faster", async () => {
    const clock = fakeClock(1_700_000_000_000);
    const { outbox, begin, rows } = memoryOutbox({ clock });
    const { transaction, commit } = await begin();
    await outbox.add(transaction, { id: "1", topic: "orders", body: "" });
    await commit();
    let claims = 0;
    const claim: typeof outbox.claim = async (request) => {
      const claimed = await outbox.claim(request);
      if ((claims += 1) === 1) await clock.advance(20_001);
      return claimed;
    };
    const { ids, publish } = ledger();
    const errors: unknown[] = [];
    const onError = (error: unknown) => void errors.push(error);
    const relay = openRelay({ outbox: { ...outbox, claim }, publish, clock, leaseMs: 30_000, onError });
    await relay.idle();
    await relay.close();
    expect([ids, rows]).toEqual([["1"], []]);
    const message = expect.stringContaining("give the relay a longer leaseMs") as string;
    expect(errors).toEqual([expect.objectContaining({ code: "ONCE_STORE_UNAVAILABLE", message })]);
  });

  test("asks a database that fails again, and confirms then what the broker has", async () => {
    const { ids, publish } = ledger();
    const { outbox, begin, rows } = memoryOutbox();
    const { transaction, commit } = await begin();
    await outbox.add(transaction, { id: "1", topic: "orders", body: "" });
    await commit();
    const faults = { claim: 2, confirm: 2 };
    const events: RelayEvent[] = [];
    const failing = <Asked extends "claim" | "confirm">(method: Asked) =>
      ((request: never) => {
        if ((faults[method] -= 1) >= 0) return Promise.reject(new Error("The database is away."));
        return (outbox[method] as (request: never) => Promise<unknown>)(request);
      }) as (typeof outbox)[Asked];
    const source = { ...outbox, claim: failing("claim"), confirm: failing("confirm") };
    const relay = openRelay({ outbox: source, publish, pollMs: 1, onEvent: (event) => events.push(event) });
    await relay.idle();
    await relay.close();
    expect(ids).toEqual(["1"]);
    expect(rows).toEqual([]);
    expect(events.filter(({ type }) => type === "fault")).toHaveLength(4);
  });

  test("outlives a backoff that throws, and sends again when its lease is over", async () => {
    const { ids, publish } = ledger((_, times) => (times === 1 ? refusedError("no") : undefined));
    const backoff = () => {
      throw new Error("no such retry");
    };
    const { relay, clock, events } = await relayOf([{ id: "1" }], { publish, backoff });
    await clock.advance(31_000);
    await relay.idle();
    expect(ids).toEqual(["1", "1"]);
    expect(events[0]).toMatchObject({ type: "fault", error: new Error("no such retry") });
  });

  test("a message that is never confirmed does not keep the others behind it", async () => {
    const { ids, publish } = ledger((id) => (id === "stuck" ? unavailableError("no answer") : undefined));
    const messages = [{ id: "stuck" }, { id: "1" }, ...keyed("k", "2", "3")];
    const { clock, rows } = await relayOf(messages, { publish, concurrency: 1, backoff: () => 60_000 });
    for (let seconds = 0; seconds < 10; seconds += 1) await clock.advance(1000);
    expect(ids.filter((id) => id !== "stuck").toSorted()).toEqual(["1", "2", "3"]);
    expect(rows.map(({ message }) => message.id)).toEqual(["stuck"]);
  });

  test("close() waits for what the broker has, and gives the rest back", async () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    const { ids, publish } = ledger(() => promise);
    const { relay, clock, rows } = await relayOf(keyed("k", "1", "2"), { publish });
    await clock.advance(0);
    let isClosed = false;
    const closed = relay.close().then(() => (isClosed = true));
    await clock.advance(100);
    expect(isClosed).toBe(false);
    resolve();
    await closed;
    expect(ids).toEqual(["1"]);
    expect(rows).toMatchObject([{ message: { id: "2" }, owner: undefined }]);
    await relay.close();
    await relay.idle();
  });

  test("listens where the database notifies, and again when that is lost", async () => {
    const { ids, publish } = ledger();
    const { outbox, begin } = memoryOutbox();
    const listening: { onAdded: () => void; onLost: (error: unknown) => void }[] = [];
    let ended = 0;
    const listen = async (onAdded: () => void, onLost: (error: unknown) => void) => {
      listening.push({ onAdded, onLost });
      return async () => void (ended += 1);
    };
    const events: RelayEvent[] = [];
    const clock = fakeClock();
    const relay = openRelay({ outbox: { ...outbox, listen }, publish, clock, onEvent: (event) => events.push(event) });
    await clock.advance(0);
    const { transaction, commit } = await begin();
    await outbox.add(transaction, { id: "1", topic: "orders", body: "" });
    await commit();
    listening[0]!.onAdded();
    await clock.advance(0);
    expect(ids).toEqual(["1"]);
    listening[0]!.onLost(new Error("The connection ended."));
    await clock.advance(2000);
    expect(listening).toHaveLength(2);
    expect(events.filter(({ type }) => type === "fault")).toHaveLength(1);
    await relay.close();
    expect(ended).toBe(1);
  });

  test.for([
    [{ outbox: undefined }, "outbox"],
    [{ publish: undefined }, "publish"],
    [{ leaseMs: 19_999 }, "leaseMs"],
    [{ concurrency: 0 }, "concurrency"],
    [{ parked: "drop" }, "parked"],
    [{ backoff: 1000 }, "backoff"],
    [{ batchSize: 10 }, "batchSize"],
  ] as const)("refuses options that make no sense: %o", ([options, name]) => {
    const { outbox } = memoryOutbox();
    const open = () => openRelay({ outbox, publish: async () => undefined, ...options } as never);
    expect(open).toThrow(expect.objectContaining({ code: "ONCE_OPTION_INVALID", details: { option: name } }));
  });
});
