import { expect, onTestFinished, test } from "vitest";
import { strangeErrors } from "../../../../../test/support/strange-errors.ts";
import { heldError } from "../../engine/work-effect.ts";
import { memoryStore } from "../../stores/memory/index.ts";
import { sqliteStore } from "../../stores/sqlite/index.ts";
import { fakeClock } from "../../../../testing/src/fake-clock.ts";
import type { OutboxMessage } from "../outbox/index.ts";
import { deliveriesTo, deliveryId } from "./consumers/settle-delivery.ts";
import { handledOutcome } from "./inbox-decisions.ts";
import type { InboxMessage } from "./inbox-message.ts";
import { openInbox } from "./open-inbox.ts";

// Work and options that behave in unexpected ways: a message gets a verdict all the same.

const message: InboxMessage = { id: "1", topic: "orders", headers: {}, body: new Uint8Array() };
const rules = { consumer: "billing", deliveriesMax: 2, backoff: () => 1, onError: () => undefined };

const inboxes = {
  leased: () => openInbox({ ...rules, store: memoryStore() }),
  transactional: () => openInbox({ ...rules, mode: "transactional", store: sqliteStore({ path: ":memory:" }) }),
};

test.for(
  (["leased", "transactional"] as const).flatMap((mode) =>
    Object.entries(strangeErrors).map(([name, make]) => [mode, name, make] as const),
  ),
)("%s: work that throws %s ends as a dead letter", async ([mode, , make]) => {
  const inbox = inboxes[mode]() as ReturnType<(typeof inboxes)["leased"]>;
  onTestFinished(() => inbox.close());
  const letters: OutboxMessage[] = [];
  const deliveries = deliveriesTo(
    { inbox, onError: () => undefined },
    () => {
      throw make();
    },
    async (letter) => void letters.push(letter),
  );
  expect(await deliveries.handle(message)).toBe("acknowledge");
  expect(letters).toMatchObject([{ id: "1", headers: { "dead-letter-detail": expect.stringMatching(/./) as string } }]);
});

test.each(["leased", "transactional"] as const)(
  "%s: work that says that nothing happened, and then throws an error that holds, is tried again",
  async (mode) => {
    const inbox = inboxes[mode]() as ReturnType<(typeof inboxes)["leased"]>;
    onTestFinished(() => inbox.close());
    let runs = 0;
    const verdict = await inbox.handle(message, (_message, { noEffect }) => {
      runs += 1;
      if (runs > 1) return;
      noEffect();
      throw heldError("The service broke off.");
    });
    expect({ verdict, runs }).toEqual({ verdict: { action: "acknowledge", isRepeat: false }, runs: 2 });
  },
);

test("a backoff that returns no time is reported, and the default decides", async () => {
  const clock = fakeClock();
  const errors: unknown[] = [];
  const store = memoryStore({ clock });
  const onError = (error: unknown): void => void errors.push(error);
  const inbox = openInbox({
    ...rules,
    store,
    clock,
    onUnknown: "rerun",
    acknowledgeDuplicates: true,
    backoff: () => Number.NaN,
    onError,
  });
  let runs = 0;
  const handled = inbox.handle(message, () => {
    runs += 1;
    if (runs === 1) throw new Error("not yet");
  });
  await clock.advance(400);
  expect(runs).toBe(1);
  await clock.advance(2000);
  expect(await handled).toEqual({ action: "acknowledge", isRepeat: false });
  expect(errors).toContainEqual(expect.objectContaining({ code: "ONCE_OPTION_INVALID" }));
});

test.for([
  { deliveries: 2n },
  { deliveries: "3" },
  { deliveries: Number.NaN },
  { deliveries: 0 },
  { topic: 5n },
  { topic: undefined },
])("%o of a message is refused, and nothing is decided", async (part) => {
  const inbox = inboxes.leased();
  onTestFinished(() => inbox.close());
  const [option] = Object.keys(part);
  const handled = inbox.handle({ ...message, ...part } as never, () => undefined);
  await expect(handled).rejects.toMatchObject({ code: "ONCE_OPTION_INVALID", details: { option } });
});

test("a delivery with an id that can't be read is a dead letter, with and without a number", async () => {
  const errors: unknown[] = [];
  const unreadable = new SyntaxError("no JSON");
  const id = deliveryId(
    () => {
      throw unreadable;
    },
    {},
    (error) => errors.push(error),
  );
  expect(errors).toEqual([unreadable]);
  const inbox = inboxes.transactional();
  onTestFinished(() => inbox.close());
  const dead = { action: "dead-letter", reason: "unreadable" };
  for (const position of [undefined, { partition: "orders", sequence: 1 }]) {
    expect(await inbox.handle({ ...message, id, position }, () => undefined)).toMatchObject(dead);
  }
});

test("work that has no effect after an attempt that may have had one has failed a try, and not found another at work", () => {
  const known = { transactional: false, isHolding: false, leaseMs: 30_000, deliveriesMax: 2 };
  const failure = { error: new Error("Declined."), hadNoEffect: true };
  expect(handledOutcome({ kind: "in-progress" }, known, failure)).toMatchObject({
    isFailure: true,
    detail: "Declined.",
  });
  expect(handledOutcome({ kind: "in-progress" }, known)).toMatchObject({ isFailure: false });
});
