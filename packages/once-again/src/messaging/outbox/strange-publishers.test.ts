import { expect, onTestFinished, test } from "vitest";
import { memoryOutbox } from "../../../../../test/support/outbox/memory-outbox.ts";
import { strangeErrors } from "../../../../../test/support/strange-errors.ts";
import { fakeClock } from "../../../../testing/src/fake-clock.ts";
import { openRelay } from "./open-relay.ts";
import { refusedError, unavailableError } from "./publish.ts";
import type { RelayEvent } from "./relay-event.ts";
import type { RelayOptions } from "./relay-options.ts";

// Functions among the options that behave in unexpected ways: the other messages go on, and each is published once.

/** A relay with three messages, of which the broker's way fails for one. */
async function relayWith(fail: () => unknown, options: Partial<RelayOptions> = {}) {
  const clock = fakeClock(1_700_000_000_000);
  const fixture = memoryOutbox({ clock });
  const { transaction, commit } = await fixture.begin();
  for (const id of ["bad", "1", "2"]) await fixture.outbox.add(transaction, { id, topic: "orders", body: "" });
  await commit();
  const published: string[] = [];
  const events: RelayEvent[] = [];
  const relay = openRelay({
    outbox: fixture.outbox,
    clock,
    random: () => 0.5,
    backoff: () => 1000,
    refusalsMax: 3,
    onEvent: (event) => events.push(event),
    publish: async ({ id }) => {
      published.push(id);
      if (id === "bad") throw fail();
    },
    ...options,
  });
  onTestFinished(() => relay.close());
  const times = (id: string): number => published.filter((one) => one === id).length;
  return { ...fixture, relay, clock, events, times };
}

test.for([...Object.entries(strangeErrors), ["a proxy that was revoked", revokedProxy] as const])(
  "what a publisher throws is a refusal, and parked in the end: %s",
  async ([, make]) => {
    const { relay, rows, clock, times } = await relayWith(make);
    for (let round = 0; round < 5; round += 1) {
      await relay.idle();
      await clock.advance(1000);
    }
    expect([times("bad"), times("1"), times("2")]).toEqual([3, 1, 1]);
    expect(rows.map(({ message, refusals, refusal }) => [message.id, refusals, typeof refusal])).toEqual([
      ["bad", 3, "string"],
    ]);
  },
);

function revokedProxy(): unknown {
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  return proxy;
}

const delays: readonly (readonly [string, () => unknown])[] = [
  ["NaN", () => Number.NaN],
  ["nothing", () => undefined],
  ["Infinity", () => Infinity],
  ["less than 0", () => -1],
  [
    "an error",
    () => {
      throw new Error("no time");
    },
  ],
];

test.for(delays)("a backoff that returns %s is reported, and the default decides", async ([, backoff]) => {
  const { relay, rows, clock, events, times } = await relayWith(() => refusedError("No route."), {
    backoff: backoff as () => number,
  });
  await relay.idle();
  expect(rows.map(({ message, refusals }) => [message.id, refusals])).toEqual([["bad", 1]]);
  expect(events.filter(({ type }) => type === "fault")).toHaveLength(1);
  // 5 s with its jitter, as the default says.
  await clock.advance(3000);
  expect(times("bad")).toBe(1);
  await clock.advance(2000);
  expect([times("bad"), times("1"), times("2")]).toEqual([2, 1, 1]);
});

test.for(delays)("a pauseBackoff that answers with %s makes no relay hammer its broker", async ([, pauseBackoff]) => {
  const away = () => unavailableError("Gone.", undefined, { retryAfterMs: Number.NaN });
  const { rows, clock, times } = await relayWith(away, { pauseBackoff: pauseBackoff as () => number });
  await clock.advance(200);
  expect(times("bad") + times("1") + times("2")).toBe(1);
  expect(rows.map(({ refusals }) => refusals)).toEqual([0, 0, 0]);
});

test("a relay that is closed twice at once, and again, has closed", async () => {
  const { relay, rows } = await relayWith(() => new Error("no"));
  await Promise.all([relay.close(), relay.close(), relay.idle()]);
  await relay.close();
  relay.wake();
  await relay.idle();
  expect(rows.length).toBeGreaterThan(0);
});
