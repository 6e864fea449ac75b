import { describe, expect, onTestFinished, test } from "vitest";
import { NoEffectError } from "../../engine/engine.ts";
import { memoryStore } from "../../stores/memory/index.ts";
import { sqliteStore } from "../../stores/sqlite/index.ts";
import type { Store } from "../../stores/store.ts";
import { sha256 } from "../../key/sha256.ts";
import { fakeClock } from "../../../../testing/src/fake-clock.ts";
import { type InboxMessage, readJson, rejectedError } from "./inbox-message.ts";
import type { InboxRules, ReconcileMessage } from "./inbox-options.ts";
import type { InboxVerdict } from "./inbox.ts";
import { openInbox } from "./open-inbox.ts";

const message: InboxMessage = {
  id: "1",
  topic: "orders",
  headers: {},
  body: new TextEncoder().encode('{"item":"tea"}'),
};
const executed = { action: "acknowledge", isRepeat: false };
const repeated = { action: "acknowledge", isRepeat: true };
const quiet: Partial<InboxRules> = { onError: () => undefined, backoff: () => 1 };

/** A leased inbox in memory. */
function leased(options: Partial<InboxRules> & { store?: Store } = {}) {
  const inbox = openInbox({ store: memoryStore(), consumer: "billing", ...quiet, ...options });
  onTestFinished(() => inbox.close());
  return inbox;
}

/** A transactional inbox in SQLite. Its effects are rows. */
function transactional(options: Partial<InboxRules> = {}) {
  const store = sqliteStore({ path: ":memory:" });
  const inbox = openInbox({ mode: "transactional", store, consumer: "billing", ...quiet, ...options });
  onTestFinished(async () => {
    await inbox.close();
    await store.close();
  });
  const effects = async (): Promise<number> => {
    let count = 0;
    await store.transactUnkeyed(async (transaction) => {
      transaction.exec("CREATE TABLE IF NOT EXISTS effects (id TEXT)");
      count = transaction.prepare("SELECT * FROM effects").all().length;
      return { keep: "commit", result: new Uint8Array(), value: undefined };
    });
    return count;
  };
  const add = `CREATE TABLE IF NOT EXISTS effects (id TEXT); INSERT INTO effects VALUES ('1')`;
  return { inbox, store, effects, add };
}

describe("an inbox", () => {
  test("handles a message once, however often it comes, and to whichever consumer", async () => {
    const { inbox, store, effects, add } = transactional();
    const work = (_: unknown, { transaction }: { transaction: { exec(sql: string): void } }) => transaction.exec(add);
    expect(await inbox.handle(message, work)).toEqual(executed);
    expect(await inbox.handle({ ...message, deliveries: 7, headers: { again: "yes" } }, work)).toEqual(repeated);
    const other = openInbox({ mode: "transactional", store, consumer: "billing" });
    const copies = await Promise.all(Array.from({ length: 5 }, () => other.handle(message, work)));
    expect(copies).toEqual(Array.from({ length: 5 }, () => repeated));
    expect(await effects()).toBe(1);
    const shipping = openInbox({ mode: "transactional", store, consumer: "shipping" });
    expect(await shipping.handle(message, work)).toEqual(executed);
    expect(await effects()).toBe(2);
  });

  test("rolls failed work back, and tries it again until it succeeds", async () => {
    const { inbox, effects, add } = transactional();
    let runs = 0;
    const verdict = await inbox.handle(message, (_, { transaction }) => {
      transaction.exec(add);
      if ((runs += 1) < 3) throw new Error("not yet");
    });
    expect(verdict).toEqual(executed);
    expect(await effects()).toBe(1);
  });

  test("makes a dead letter of what fails too often, with what it failed with", async () => {
    const errors: unknown[] = [];
    const { inbox, effects, add } = transactional({ deliveriesMax: 3, onError: (error) => errors.push(error) });
    let runs = 0;
    const verdict = await inbox.handle({ ...message, deliveries: 2 }, (_, { transaction }) => {
      runs += 1;
      transaction.exec(add);
      throw new Error("no such item");
    });
    expect(verdict).toEqual({
      action: "dead-letter",
      reason: "failed",
      detail: "tried 3 times, at last: no such item",
    });
    expect([runs, errors.length, await effects()], "a delivery is no try").toEqual([3, 3, 0]);
  });

  test("tries a message alone that was delivered too often, and acknowledges it if its effect is there", async () => {
    const store = memoryStore();
    const inbox = leased({ deliveriesMax: 3, store });
    const often = (id: string) => ({ ...message, id, deliveries: 4 });
    const gate = Promise.withResolvers<void>();
    onTestFinished(() => gate.resolve());
    const ran: string[] = [];
    const others = ["2", "3"].map((id) => inbox.handle({ ...message, id }, () => gate.promise));
    const alone = ["1", "4"].map((id) =>
      inbox.handle(often(id), async () => {
        ran.push(`${id} begins`);
        await new Promise((resolve) => setTimeout(resolve, 2));
        ran.push(`${id} ends`);
      }),
    );
    await new Promise((resolve) => setTimeout(resolve, 10));
    const late = inbox.handle({ ...message, id: "5" }, () => void ran.push("5"));
    await new Promise((resolve) => setTimeout(resolve, 10));
    expect(ran).toEqual([]);
    gate.resolve();
    expect(await Promise.all([...others, ...alone, late])).toEqual(Array.from({ length: 5 }, () => executed));
    expect(ran).toEqual(["1 begins", "1 ends", "4 begins", "4 ends", "5"]);
    expect(await inbox.handle(often("1"), () => expect.unreachable())).toEqual(repeated);
    expect((await store.list({})).map(({ key, state }) => `${key} ${state}`)).toEqual(
      ["1", "2", "3", "4", "5"].map((id) => `${id} done`),
    );
  });

  test("makes a dead letter of a message that killed its process when it was tried alone, and takes it again", async () => {
    const clock = fakeClock(1_700_000_000_000);
    const store = memoryStore({ clock });
    const open = () => leased({ store, clock, deliveriesMax: 3, onUnknown: "rerun", acknowledgeDuplicates: true });
    const often = { ...message, deliveries: 4 };
    // Its process dies: it renews nothing, and says nothing more.
    const dead = { ...store, renew: () => new Promise<never>(() => undefined) };
    const begun = Promise.withResolvers<void>();
    void openInbox({ store: dead, clock, consumer: "billing", deliveriesMax: 3, ...quiet }).handle(often, () => {
      begun.resolve();
      return new Promise<never>(() => undefined);
    });
    await begun.promise;
    await clock.advance(60_000);
    const next = open().handle({ ...often, deliveries: 5 }, () => expect.unreachable());
    await clock.advance(60_000);
    expect(await next).toEqual({
      action: "dead-letter",
      reason: "failed",
      detail: "delivered more than 3 times; its process died when it was tried alone",
    });
    const keys = (await store.list({})).map(({ key }) => key);
    expect(keys, "nothing is left of the note").toEqual(["1"]);
    const again = open().handle({ ...often, deliveries: 5 }, () => undefined);
    await clock.advance(60_000);
    expect(await again).toEqual(executed);
  });

  test("acknowledges a message that has had its effect, though a note says that its process died", async () => {
    const store = memoryStore();
    const often = { ...message, deliveries: 4 };
    await leased({ store }).handle(message, () => undefined);
    const note = { scope: "billing", key: "tried alone: 1", fingerprint: "f", owner: "o", retentionMs: 60_000 };
    await store.claim({ ...note, fingerprint: await sha256("1"), leaseMs: 60_000 });
    await store.renew({ ...note, leaseMs: 0 });
    expect(await leased({ store, deliveriesMax: 3 }).handle(often, () => expect.unreachable())).toEqual(repeated);
  });

  test("is held up by no store that says nothing of such a note", async () => {
    const clock = fakeClock(1_700_000_000_000);
    const store = memoryStore({ clock });
    let asked = 0;
    const resolve: Store["resolve"] = (request) => {
      asked += 1;
      return asked === 1 ? new Promise<never>(() => undefined) : store.resolve(request);
    };
    const inbox = leased({ store: { ...store, resolve }, clock, deliveriesMax: 3, storeMsMax: 300 });
    const note = { scope: "billing", key: "tried alone: 1", fingerprint: await sha256("1"), owner: "o" };
    await store.claim({ ...note, leaseMs: 1, retentionMs: 60_000 });
    await clock.advance(1);
    const often = inbox.handle({ ...message, deliveries: 4 }, () => expect.unreachable());
    await clock.advance(1);
    const other = inbox.handle({ ...message, id: "2" }, () => undefined);
    await clock.advance(1000);
    expect(await Promise.all([often, other])).toMatchObject([{ action: "dead-letter", reason: "failed" }, executed]);
    expect(asked).toBe(2);
  });

  test("ten closed consumers and a store that is away make no dead letter, and run nothing", async () => {
    const store = memoryStore();
    let isUp = false;
    const claim: Store["claim"] = (request) => (isUp ? store.claim(request) : Promise.reject(new Error("away")));
    let deliveries = 1;
    for (; deliveries <= 10; deliveries += 1) {
      const errors: unknown[] = [];
      const inbox = leased({ store: { ...store, claim }, onError: (error) => errors.push(error) });
      const handled = inbox.handle({ ...message, deliveries }, () => expect.unreachable());
      while (errors.length < 3) await new Promise((resolve) => setTimeout(resolve, 1));
      await inbox.close();
      expect(await handled).toEqual({ action: "give-back" });
    }
    isUp = true;
    expect(await leased({ store }).handle({ ...message, deliveries }, () => undefined)).toEqual(executed);
  });

  test("is ready when its store can be reached, and until then says why not", async () => {
    const store = memoryStore();
    let isUp = false;
    const inspect: Store["inspect"] = (name) => (isUp ? store.inspect(name) : Promise.reject(new Error("away")));
    const errors: unknown[] = [];
    const inbox = leased({ store: { ...store, inspect }, onError: (error) => errors.push(error) });
    let isReady = false;
    const ready = inbox.ready!().then(() => (isReady = true));
    while (errors.length < 3) await new Promise((resolve) => setTimeout(resolve, 1));
    expect(isReady).toBe(false);
    isUp = true;
    await ready;
    isUp = false;
    const stop = new AbortController();
    const [stopped, closed] = [inbox.ready!({ signal: stop.signal }), inbox.ready!()];
    stop.abort();
    await stopped;
    await inbox.close();
    await closed;
  });

  test.for([
    ["a rejection", () => Promise.reject(rejectedError("We sell no tea.")), "We sell no tea."],
    [
      "what is no JSON",
      (given: InboxMessage) => void readJson({ ...given, body: Uint8Array.of(0xff) }),
      "The body is no JSON.",
    ],
  ] as const)("makes a dead letter of %s at once, and keeps no record", async ([, work, detail]) => {
    for (const inbox of [leased(), transactional().inbox]) {
      const verdict = await inbox.handle(message, work);
      expect(verdict).toEqual({ action: "dead-letter", reason: "rejected", detail });
      expect(await inbox.handle(message, () => undefined)).toEqual(executed);
    }
  });

  test.for([undefined, "", "undefined", "i".repeat(256), 7 as never])(
    "makes a dead letter of the id %s",
    async (id) => {
      const verdict = await leased().handle({ ...message, id }, () => expect.unreachable());
      expect(verdict).toMatchObject({ action: "dead-letter", reason: "unreadable" });
    },
  );

  test("makes a dead letter of a body that is no bytes", async () => {
    const verdict = await leased().handle({ ...message, body: "text" as never }, () => expect.unreachable());
    expect(verdict).toMatchObject({ reason: "unreadable", detail: "its body is no Uint8Array" });
  });

  test("makes a dead letter of another message with an id that was handled", async () => {
    const inbox = leased();
    await inbox.handle(message, () => undefined);
    for (const other of [{ body: Uint8Array.of(1) }, { topic: "others" }]) {
      const verdict = await inbox.handle({ ...message, ...other }, () => expect.unreachable());
      expect(verdict).toMatchObject({ action: "dead-letter", reason: "mismatch" });
    }
  });

  test("holds a message that may have had its effect, and makes a dead letter of each delivery", async () => {
    const store = memoryStore();
    const inbox = leased({ store });
    const unknown = { action: "dead-letter", reason: "outcome-unknown" };
    const failing = () => Promise.reject(new Error("the connection broke"));
    expect(await inbox.handle(message, failing)).toMatchObject({ ...unknown, detail: "the connection broke" });
    expect(await inbox.handle(message, () => expect.unreachable())).toMatchObject(unknown);
    expect(await store.list({ scope: "billing" })).toMatchObject([{ key: "1", state: "abandoned" }]);
    await store.resolve({ scope: "billing", key: "1", settlement: { as: "not-executed" } });
    expect(await inbox.handle(message, () => undefined)).toEqual(executed);
  });

  test.for([
    ["where that is said to be safe", { onUnknown: "rerun", acknowledgeDuplicates: true }, new Error("broke")],
    ["where nothing happened", {}, new NoEffectError("Sold out for the moment.")],
  ] as const)("runs a message again %s", async ([, options, failure]) => {
    let runs = 0;
    const verdict = await leased(options).handle(message, () => {
      if ((runs += 1) < 3) throw failure;
    });
    expect(verdict).toEqual(executed);
    expect(runs).toBe(3);
  });

  test("runs a message again when its work says that nothing happened, and then fails", async () => {
    let runs = 0;
    const verdict = await leased().handle(message, (_, execution) => {
      if ((runs += 1) === 3) return;
      execution.noEffect();
      throw new Error("Sold out for the moment.");
    });
    expect(verdict).toEqual(executed);
    expect(runs).toBe(3);
  });

  const lookups: readonly (readonly [string, ReconcileMessage, object, number])[] = [
    ["it happened", async () => ({ found: undefined }), executed, 1],
    ["it did not", async () => ({ absent: "fenced" }), executed, 2],
    ["the lookup can't tell", async () => "unknown", { action: "dead-letter", reason: "outcome-unknown" }, 1],
  ];
  test.for(lookups)(
    "looks the effect up before it runs a message again: %s",
    async ([, onUnknown, verdict, expected]) => {
      const inbox = leased({ onUnknown });
      let runs = 0;
      const work = () => {
        if ((runs += 1) === 1) throw new Error("the connection broke");
      };
      expect(await inbox.handle(message, work)).toMatchObject(verdict);
      expect(runs).toBe(expected);
    },
  );

  test("waits while the store can't be reached, acknowledges nothing, and goes on by itself", async () => {
    const store = memoryStore();
    let isUp = false;
    const claim: Store["claim"] = (request) => (isUp ? store.claim(request) : Promise.reject(new Error("away")));
    const errors: unknown[] = [];
    const inbox = leased({ store: { ...store, claim }, deliveriesMax: 1, onError: (error) => errors.push(error) });
    const handled = inbox.handle(message, () => undefined);
    while (errors.length < 5) await new Promise((resolve) => setTimeout(resolve, 1));
    isUp = true;
    expect(await handled).toEqual(executed);
    expect(errors[0]).toMatchObject({ code: "ONCE_STORE_UNAVAILABLE" });
  });

  test("waits while another consumer has the message, and acknowledges when that one is done", async () => {
    const clock = fakeClock(1_700_000_000_000);
    const store = memoryStore({ clock });
    const [one, other] = [leased({ store, clock, backoff: undefined }), leased({ store, clock, backoff: undefined })];
    const { promise, resolve } = Promise.withResolvers<void>();
    const first = one.handle(message, () => promise);
    await clock.advance(0);
    let second: InboxVerdict | undefined;
    const waiting = other
      .handle(message, () => expect.unreachable())
      .then((verdict) => {
        second = verdict;
      });
    await clock.advance(60_000);
    expect(second).toBeUndefined();
    resolve();
    expect(await first).toEqual(executed);
    await clock.advance(10_000);
    await waiting;
    expect(second).toEqual(repeated);
  });

  test("close() waits for what runs, and gives back what waits or comes late", async () => {
    const inbox = leased({ backoff: () => 3_600_000 });
    const { promise, resolve } = Promise.withResolvers<void>();
    const [begun, failed] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const running = inbox.handle(message, () => {
      begun.resolve();
      return promise;
    });
    const waiting = inbox.handle({ ...message, id: "2" }, () => {
      failed.resolve();
      return Promise.reject(new NoEffectError("later"));
    });
    await Promise.all([begun.promise, failed.promise]);
    const closed = inbox.close();
    expect(await waiting).toEqual({ action: "give-back" });
    resolve();
    expect(await running).toEqual(executed);
    await closed;
    expect(await inbox.handle(message, () => expect.unreachable())).toEqual({ action: "give-back" });
  });

  test("gives back what waits when the signal of its consumer aborts, and lets what runs go on", async () => {
    const inbox = leased({ backoff: () => 3_600_000 });
    const consumer = new AbortController();
    const options = { signal: consumer.signal };
    const { promise, resolve } = Promise.withResolvers<void>();
    const [begun, failed] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const runs = () => {
      begun.resolve();
      return promise;
    };
    const running = inbox.handle(message, runs, options);
    const fails = () => {
      failed.resolve();
      return Promise.reject(new NoEffectError("later"));
    };
    const waiting = inbox.handle({ ...message, id: "2" }, fails, options);
    await Promise.all([begun.promise, failed.promise]);
    consumer.abort();
    expect(await waiting).toEqual({ action: "give-back" });
    expect(await inbox.handle({ ...message, id: "3" }, () => expect.unreachable(), options)).toEqual({
      action: "give-back",
    });
    resolve();
    expect(await running).toEqual(executed);
    expect(await inbox.handle({ ...message, id: "2" }, () => undefined)).toEqual(executed);
  });

  test.for([
    [{ consumer: "" }, "consumer"],
    [{ consumer: "billing", deliveriesMax: 0 }, "deliveriesMax"],
    [{ consumer: "billing", maxRetries: 3 }, "maxRetries"],
    [{ consumer: "billing", mode: "exactly-once" }, "mode"],
  ] as const)("refuses options that make no sense: %o", ([options, name]) => {
    const open = () => openInbox({ store: memoryStore(), ...options } as never);
    expect(open).toThrow(expect.objectContaining({ code: "ONCE_OPTION_INVALID", details: { option: name } }));
  });

  test("refuses a store that has no transactions, where they are asked for", () => {
    const open = () => openInbox({ mode: "transactional", store: memoryStore() as never, consumer: "billing" });
    expect(open).toThrow(expect.objectContaining({ code: "ONCE_UNSAFE_PAIR" }));
  });
});
