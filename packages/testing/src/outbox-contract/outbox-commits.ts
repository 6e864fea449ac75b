import { seededRandom } from "once-again";
import type { NewMessage } from "once-again/outbox";
import { expectLike, expectRefused, expectSame, expectThat } from "../store-contract/rule.ts";
import { idsOf, type OutboxRule, positionsOf } from "./outbox-case.ts";

const bytes = Uint8Array.from({ length: 256 }, (_, index) => index);
const odd = "a'b\"c\\d%_ \u{1F511}ä {0}";

/** Messages that no outbox takes. */
const invalid: readonly Partial<NewMessage>[] = [
  { topic: "" },
  { topic: "a\u0000b" },
  { topic: "t".repeat(256) },
  { topic: undefined as never },
  { orderingKey: "" },
  { orderingKey: "\ud800" },
  { id: "" },
  { id: "ä" },
  { headers: { "no name": "value" } },
  { headers: { name: "two\nlines" } },
  { headers: { name: 1 as never } },
  { body: undefined },
  { body: 1n },
  { body: Promise.resolve("not awaited") },
];

/** The rules for `add`: it is a part of its transaction. */
export const commitRules: readonly OutboxRule[] = [
  {
    name: "a message can be claimed when its transaction has committed, and is what was added",
    async try({ outbox, begin, claim }) {
      const { transaction, commit } = await begin();
      const headers = { "content-type": "image/png", traceparent: "00-1-1-01", "x-odd": odd };
      const id = await outbox.add(transaction, { topic: odd, orderingKey: odd, headers, body: bytes });
      expectThat(/^[0-9a-f-]{14}7[0-9a-f-]{21}$/.test(id), "An id is a UUIDv7 by default", id);
      await commit();
      const [message] = await claim();
      expectLike(message, { id, topic: odd, orderingKey: odd, headers, body: bytes }, "A message is what was added");
      const ageMs = Date.now() - (message?.addedAt ?? 0);
      expectThat(Math.abs(ageMs) < 60_000, "A message says when it was added, by the store's clock", message?.addedAt);
    },
  },
  {
    name: "a body is bytes, a text, or JSON",
    async try({ outbox, begin, claim }) {
      const { transaction, commit } = await begin();
      const bodies = ["ä", { amount: 420, note: undefined }, [], null, "", new Uint8Array()];
      for (const body of bodies) await outbox.add(transaction, { topic: "orders", body });
      await commit();
      const messages = await claim();
      const texts = messages.map(({ body }) => new TextDecoder().decode(body));
      expectSame(texts, ["ä", '{"amount":420}', "[]", "null", "", ""], "Bodies are bytes, texts, or JSON");
      const [text, json, bytes] = ["text/plain; charset=utf-8", "application/json", "application/octet-stream"];
      const types = messages.map(({ headers }) => headers["content-type"]);
      expectSame(types, [text, json, json, json, text, bytes], "A message says what its body is");
    },
  },
  {
    name: "a transaction may add several messages of one key, which stay in their order",
    async try({ outbox, begin, claim }) {
      const { transaction, commit } = await begin();
      const ids = ["3", "1", "2"];
      for (const id of ids) await outbox.add(transaction, { id, topic: "orders", orderingKey: "k", body: id });
      await commit();
      expectSame(idsOf(await claim()), ids, "Messages of one transaction are in the order in which they were added");
    },
  },
  {
    name: "a rollback removes the messages of its transaction",
    async try({ outbox, begin, claim, add }) {
      const { transaction, rollback } = await begin();
      await outbox.add(transaction, { topic: "orders", orderingKey: "k", body: "never" });
      await outbox.add(transaction, { topic: "orders", body: "never" });
      await rollback();
      await add("k", "first");
      expectSame(idsOf(await claim()), ["first"], "What was rolled back is not there");
    },
  },
  {
    name: "a message that can't be sent is refused at `add`, and the transaction goes on without it",
    async try({ outbox, begin, claim }) {
      const { transaction, commit } = await begin();
      for (const part of invalid) {
        const added = outbox.add(transaction, { topic: "orders", body: "no", ...part });
        await expectRefused(
          added,
          "ONCE_MESSAGE_INVALID",
          `A message with ${JSON.stringify(Object.keys(part))} is refused`,
        );
      }
      const large = outbox.add(transaction, { topic: "orders", body: new Uint8Array(100_000_000) });
      await expectRefused(large, "ONCE_MESSAGE_TOO_LARGE", "A body of 100 MB is refused");
      await outbox.add(transaction, { id: "good", topic: "orders", body: "yes" });
      await commit();
      expectSame(idsOf(await claim()), ["good"], "Nothing of a refused message is there");
    },
  },
  {
    name: "listeners are notified of a commit when its message can be claimed",
    async try({ outbox, begin, claim, inTime }) {
      let news = Promise.withResolvers<void>();
      const unlisten = await outbox.listen?.(
        () => news.resolve(),
        () => undefined,
      );
      if (unlisten === undefined) return;
      try {
        const { transaction, commit } = await begin();
        await outbox.add(transaction, { id: "1", topic: "orders", body: 1 });
        await turns(50);
        // A notification before this point came too early: a relay would have found nothing.
        news = Promise.withResolvers<void>();
        await commit();
        expectSame(await inTime(news.promise), "done", "A commit is announced");
        expectSame(idsOf(await claim()), ["1"], "What is announced can be claimed");
      } finally {
        await unlisten();
      }
    },
  },
];

/** How transactions that are open at a time come together. */
export const parallelCommitRules: readonly OutboxRule[] = [
  {
    name: "nothing can be claimed before its transaction commits, and then all of it, however late",
    async try({ outbox, begin, add, claim }) {
      const late = await begin();
      await outbox.add(late.transaction, { id: "late", topic: "orders", body: 1 });
      await outbox.add(late.transaction, { id: "late-keyed", topic: "orders", orderingKey: "l", body: 1 });
      await add(undefined, "early");
      await add("e", "early-keyed");
      const early = await claim();
      expectSame(idsOf(early).sort(), ["early", "early-keyed"], "What is not committed can't be claimed");
      await outbox.confirm(positionsOf(early));
      await late.commit();
      expectSame(idsOf(await claim()).sort(), ["late", "late-keyed"], "What commits late is not skipped");
    },
  },
  {
    name: "messages of one ordering key are in the order of their commits",
    async try({ outbox, begin, claim }) {
      const first = await begin();
      await outbox.add(first.transaction, { id: "1", topic: "orders", orderingKey: "k", body: 1 });
      const second = await begin();
      const added = outbox.add(second.transaction, { id: "2", topic: "orders", orderingKey: "k", body: 2 });
      // A transaction that does not wait for the first commits before it.
      const ended = await Promise.race([added.then(() => second.commit()).then(() => "second"), turns(50)]);
      await first.commit();
      if (ended !== "second") await added;
      expectThat(ended !== "second", "Who adds to a key waits for the others that added to it", ended);
      expectSame(idsOf(await claim()).length > 0, true, "What is committed can be claimed");
    },
  },
  {
    name: "a transaction that wrote first and adds to a key later comes later",
    async try({ outbox, begin, add, claim }) {
      const first = await begin();
      await outbox.add(first.transaction, { id: "other", topic: "orders", orderingKey: "other", body: 0 });
      await add("k", "1");
      await outbox.add(first.transaction, { id: "2", topic: "orders", orderingKey: "k", body: 2 });
      await first.commit();
      const keyed = (await claim()).filter(({ orderingKey }) => orderingKey === "k");
      expectSame(idsOf(keyed), ["1", "2"], "The order of commits counts, and not that of first writes");
    },
  },
  {
    name: "neither relays nor those who add to other keys wait for a transaction that is open",
    async try({ outbox, begin, add, claim, inTime }) {
      const owner = "one";
      await add("k", "1");
      await add(undefined, "2", "3");
      const claimed = await claim({ owner });
      const [position, ...others] = positionsOf(claimed);
      const open = await begin();
      try {
        await outbox.add(open.transaction, { topic: "orders", body: 1 });
        await outbox.add(open.transaction, { topic: "orders", orderingKey: "open", body: 1 });
        const removed = inTime(outbox.confirm(others));
        expectSame(await inTime(add("l", "4")), "done", "Who adds waits for no relay, and for no other key");
        expectSame(await removed, "done", "A relay that removes does not wait for transactions that add");
        const givenBack = outbox.postpone([{ position: position!, owner, delayMs: 0 }]);
        expectSame(await inTime(givenBack), "done", "A relay that gives back does not wait for transactions that add");
        expectSame(await inTime(claim()), "done", "A relay that claims does not wait for transactions that add");
      } finally {
        await open.rollback();
      }
    },
  },
  {
    name: "of 60 transactions at a time, each message that commits is there once, and each key is in order",
    async try({ outbox, begin, claim }) {
      const seed = crypto.randomUUID();
      const random = seededRandom(seed);
      const expected = new Map<string, string[]>();
      const write = async (index: number): Promise<void> => {
        const key = `key-${Math.floor(random() * 3)}`;
        const [commits, waits] = [random() < 0.7, Math.floor(random() * 20)];
        const { transaction, commit, rollback } = await begin();
        const id = `${index}`;
        await outbox.add(transaction, { id, topic: "orders", orderingKey: key, body: index });
        const ids = expected.get(key) ?? [];
        expected.set(key, ids);
        // The key is ours until this transaction ends, so no other message comes between.
        if (commits) ids.push(id);
        await turns(waits);
        await (commits ? commit() : rollback());
      };
      await Promise.all(Array.from({ length: 60 }, (_, index) => write(index)));
      const found = new Map<string, string[]>();
      for (const { id, orderingKey = "" } of await claim())
        found.set(orderingKey, [...(found.get(orderingKey) ?? []), id]);
      for (const [key, ids] of expected)
        expectSame(found.get(key) ?? [], ids, `The key ${key} is in order (seed "${seed}")`);
    },
  },
];

async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn += 1) await new Promise((resolve) => setTimeout(resolve, 1));
}
