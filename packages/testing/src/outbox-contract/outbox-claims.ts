import { expectSame, expectThat } from "../store-contract/rule.ts";
import { idsOf, type OutboxRule, positionsOf } from "./outbox-case.ts";

const ids = (count: number, prefix = ""): string[] =>
  Array.from({ length: count }, (_, index) => `${prefix}${index}`.padStart(4, "0"));

/** Who may publish what. */
export const claimRules: readonly OutboxRule[] = [
  {
    name: "a claimed message can't be claimed again before its lease is over, and then comes in its order",
    async try({ outbox, add, claim, claimWhenFree, claimAll }) {
      await add("k", "1", "2", "3");
      await add(undefined, "free");
      const claimed = await claimAll(4, { leaseMs: 1 });
      expectSame([...claimed.keys()].sort(), ["1", "2", "3", "free"], "All of it can be claimed");
      const again = await claimWhenFree({ limit: 1 });
      const rest = again.length === 4 ? [] : await claimWhenFree();
      const keyed = [...again, ...rest].filter(({ orderingKey }) => orderingKey === "k");
      expectSame(idsOf(keyed), ["1", "2", "3"], "A key comes again when its lease is over, in its order");
      expectSame(idsOf(await claim()), [], "A claimed message can't be claimed again");
      await add("k", "4");
      expectSame(idsOf(await claim()), [], "A message that is added to a claimed key waits");
      await outbox.confirm(positionsOf(keyed.slice(0, 2)));
      expectSame(idsOf(await claim()), ["3", "4"], "What is confirmed is gone, and its key can be claimed");
    },
  },
  {
    name: "a message is there until it is confirmed, also when its relay is gone",
    async try({ add, claimWhenFree }) {
      await add(undefined, "one");
      for (let claims = 0; claims < 5; claims += 1) {
        expectSame(idsOf(await claimWhenFree({ leaseMs: 1 })), ["one"], "A claim alone removes nothing");
      }
    },
  },
  {
    name: "of many claims at once, each message and each key goes to one",
    async try({ add, claim }) {
      await add("k", ...ids(5, "k"));
      await add("l", ...ids(5, "l"));
      await add(undefined, ...ids(20));
      const claims = await Promise.all(Array.from({ length: 8 }, () => claim({ limit: 4, messagesPerKey: 3 })));
      const all = claims.flatMap(idsOf);
      expectSame(new Set(all).size, all.length, "No message goes to two");
      const keyed = claims.flatMap((claimed) => idsOf(claimed.filter(({ orderingKey }) => orderingKey !== undefined)));
      expectSame(keyed.sort(), [...ids(3, "k"), ...ids(3, "l")], "A key goes to one, with its oldest messages");
    },
  },
  {
    name: "a claim takes no more than it asked for, the oldest first",
    async try({ add, claim }) {
      await add(undefined, ...ids(10));
      await add("k", ...ids(10, "k"));
      const first = await claim({ limit: 3, messagesPerKey: 2 });
      const expected = [...ids(3), ...ids(2, "k")];
      expectSame(idsOf(first), expected, "A claim takes the oldest, up to its limits");
      expectSame(idsOf(await claim({ limit: 100 })), ids(10).slice(3), "The next claim takes what comes after");
    },
  },
  {
    name: "every key gets its turn, however many others there are that keep their place",
    async try({ outbox, add, claim }) {
      const keys = ids(30);
      for (const key of keys) await add(key, `${key}-1`, `${key}-2`);
      const seen = new Set<string>();
      // Each key that is served is full again, so that it can be claimed at once.
      for (let claims = 0; claims < 200 && seen.size < keys.length; claims += 1) {
        const owner = crypto.randomUUID();
        const claimed = await claim({ owner, limit: 2, messagesPerKey: 1 });
        for (const { orderingKey = "" } of claimed) seen.add(orderingKey);
        await outbox.postpone(claimed.map(({ position }) => ({ position, owner, delayMs: 0 })));
      }
      expectSame([...seen].sort(), keys, "Every key is claimed in the end");
    },
  },
  {
    name: "every message without a key gets its turn, however many before it are given back at once",
    async try({ outbox, add, claim }) {
      const all = ids(30);
      await add(undefined, ...all);
      const seen = new Set<string>();
      // Claimed messages are due again before the next claim, as when a broker confirms nothing and a relay is slow.
      for (let claims = 0; claims < 200 && seen.size < all.length; claims += 1) {
        const owner = crypto.randomUUID();
        const claimed = await claim({ owner, limit: 1 });
        for (const id of idsOf(claimed)) seen.add(id);
        await outbox.postpone(claimed.map(({ position }) => ({ position, owner, delayMs: 0 })));
      }
      expectSame([...seen].sort(), all, "Every message is claimed in the end");
    },
  },
  {
    name: "a message that is given back is claimed again, however many come after it",
    async try({ outbox, add, claim }) {
      await add(undefined, "early");
      const owner = crypto.randomUUID();
      const [early] = await claim({ owner, limit: 1 });
      await outbox.postpone([{ position: early!.position, owner, delayMs: 0 }]);
      let isSeen = false;
      for (let claims = 0; claims < 200 && !isSeen; claims += 1) {
        await add(undefined, ...ids(2, `${claims}-`));
        const claimed = await claim({ limit: 2 });
        isSeen = idsOf(claimed).includes("early");
        await outbox.confirm(positionsOf(claimed.filter(({ id }) => id !== "early")));
      }
      expectThat(isSeen, "It is claimed again while new messages fill every claim", isSeen);
    },
  },
  {
    name: "a claim says that there is more, as long as there is",
    async try({ outbox, add, claim }) {
      await add(undefined, ...ids(5));
      for (const key of ids(20, "k")) await add(key, key);
      let found = 0;
      for (let claims = 0; ; claims += 1) {
        const request = { owner: crypto.randomUUID(), leaseMs: 3_600_000, limit: 2, messagesPerKey: 2 };
        const { batches, hasMore } = await outbox.claim(request);
        found += batches.flatMap(({ messages }) => messages).length;
        expectThat(claims < 100, "An outbox with nothing free has no more", found);
        if (!hasMore) break;
      }
      expectSame(found, 25, "All can be had while there is said to be more");
      expectSame(idsOf(await claim()), [], "Then there is nothing");
    },
  },
];
