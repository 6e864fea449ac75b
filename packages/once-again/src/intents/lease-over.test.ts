import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { temporaryFolder } from "../../../../test/support/temporary-folder.ts";
import { fakeClock } from "../../../testing/src/fake-clock.ts";
import { sleep } from "../core/clock.ts";
import type { IntentStore } from "../stores/intent-store.ts";
import { sqliteIntents } from "../stores/sqlite/index.ts";
import { openIntents } from "./open-intents.ts";

// A lease that is over by the clock of the process that has it, before a timer of that process says so.

const url = "http://shop.test/orders";
const leaseMs = 1000;

function opened({ claim, statuses }: { claim?: (store: IntentStore) => IntentStore["claim"]; statuses: number[] }) {
  const fake = fakeClock(1_700_000_000_000);
  let stoodStillMs = 0;
  const clock = { ...fake, monotonic: () => fake.monotonic() + stoodStillMs, now: () => fake.now() + stoodStillMs };
  const store = sqliteIntents({ path: join(temporaryFolder(), "intents.db"), clock });
  const sentAt: number[] = [];
  const intents = openIntents({
    ...{ clock, leaseMs, storeMsMax: 10 * leaseMs, backoff: () => 100, resumeBackoff: () => 100, budget: "off" },
    store: { ...store, ...(claim && { claim: claim(store) }) },
    fetch: async () => {
      sentAt.push(clock.monotonic());
      return new Response(null, { status: statuses.shift() ?? 201 });
    },
  });
  const events: string[] = [];
  intents.watch(({ type }) => events.push(type));
  onTestFinished(async () => {
    await intents.close();
    await store.close();
  });
  const standStill = (ms: number): void => void (stoodStillMs += ms);
  return { clock: fake, intents, events, sentAt, standStill };
}

test("a claim that is granted when its lease is over sends nothing, and leaves no doubt", async () => {
  let claims = 0;
  const late = opened({
    claim: (store) => async (request) => {
      const granted = await store.claim(request);
      claims += 1;
      if (claims === 1) await sleep(late.clock, 1.5 * leaseMs);
      return granted;
    },
    statuses: [],
  });
  const { clock, intents, sentAt, events } = late;
  const outcome = intents.submit("order 7", { url, body: "tea" });
  await clock.advance(1.4 * leaseMs);
  expect(sentAt).toEqual([]);
  await clock.advance(5 * leaseMs);
  expect(await outcome).toMatchObject({ state: "done" });
  expect(sentAt).toHaveLength(1);
  expect(events.filter((type) => type === "sending")).toHaveLength(1);
});

test("an attempt that is due before the end of its lease is noticed is not made", async () => {
  const { clock, intents, sentAt, events, standStill } = opened({ statuses: [429] });
  await intents.add("order 7", { url, body: "tea" });
  await clock.advance(50);
  expect(sentAt).toHaveLength(1);
  standStill(20 * leaseMs);
  await clock.advance(60);
  expect(sentAt).toHaveLength(1);
  expect(events).toContain("lease-lost");
});
