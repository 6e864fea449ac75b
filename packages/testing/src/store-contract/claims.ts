import type { StoreRule } from "./contract-case.ts";
import { abandon, acquire, claimOf, expectAcquired, longMs, named, result, takeOver } from "./requests.ts";
import { expectLike, expectSame, expectThat } from "./rule.ts";

const name = named("order-7");

/** The answers to a claim. */
export const claimRules: readonly StoreRule[] = [
  {
    name: "a new key is acquired by its first attempt, for as long as it asked",
    async try({ store }) {
      const claim = claimOf(name);
      const { fence, ...answer } = await acquire(store, claim);
      const expected = { kind: "acquired", attempt: 1, abandoned: false, checkpoints: {} };
      expectSame(answer, expected, "The first claim of a key is its first attempt");
      const found = await store.inspect(name);
      expectLike(found, { ...name, state: "running" }, "A claimed key is running");
      const { createdAt = Number.NaN, leaseUntil, expiresAt, ...record } = found?.record ?? {};
      const owned = { state: "running", fingerprint: "f", owner: claim.owner, attempt: 1, fence, checkpoints: {} };
      expectSame(record, owned, "A record holds what was claimed");
      expectThat(leaseUntil === createdAt + longMs, "The lease is counted from the claim", found);
      expectThat(expiresAt === Number.POSITIVE_INFINITY, "A key without a result never expires by itself", found);
    },
  },
  {
    name: "a running key is in progress for another owner, also for one that takes abandoned keys over",
    async try({ store, clockDoubtMs }) {
      const claim = claimOf(name);
      await acquire(store, claim);
      for (const takeOverAfterMs of [undefined, 0]) {
        const answer = await store.claim(claimOf(name, { takeOverAfterMs }));
        expectLike(answer, { kind: "in-progress" }, "A key under a living lease is in progress");
        const leftMs = answer.kind === "in-progress" ? answer.leaseMsLeft : Number.NaN;
        expectThat(
          leftMs > 0 && leftMs <= longMs + clockDoubtMs,
          "What is left of a lease is more than none, and no more than it",
          answer,
        );
      }
      expectLike((await store.inspect(name))?.record, { owner: claim.owner }, "A living lease is no one else's");
    },
  },
  {
    name: "another request with a key is a mismatch, whether it runs, is abandoned or done, from every owner",
    async try({ store }) {
      const claim = claimOf(name);
      const expectMismatch = async (state: string): Promise<void> => {
        for (const owner of [claim.owner, "other"]) {
          const answer = await store.claim({ ...claim, owner, fingerprint: "g", takeOverAfterMs: 0 });
          expectSame(answer, { kind: "mismatch" }, `Another request with a key that is ${state} is a mismatch`);
        }
      };
      await acquire(store, claim);
      await expectMismatch("running");
      await store.renew({ ...claim, leaseMs: 0 });
      await expectMismatch("abandoned");
      await store.complete({ ...claim, result });
      await expectMismatch("done");
      expectLike((await store.inspect(name))?.record, { fingerprint: "f" }, "A mismatch changes nothing");
    },
  },
  {
    name: "an abandoned key is taken over only by who asks for that, with the next attempt and a higher fence",
    async try({ store }) {
      const claim = claimOf(name);
      const { fence } = await abandon(store, claim);
      for (const takeOverAfterMs of [undefined, longMs]) {
        const answer = await store.claim(claimOf(name, { takeOverAfterMs }));
        expectLike(answer, { kind: "abandoned" }, "A claim that may not take a key over learns that it is abandoned");
        const overMs = answer.kind === "abandoned" ? answer.leaseOverMs : Number.NaN;
        expectThat(overMs >= 0 && overMs < longMs, "An abandoned key says for how long its lease is over", answer);
      }
      const taken = expectAcquired(await takeOver(store, claim), "A claim that takes over gets an abandoned key");
      expectLike(taken, { attempt: 2, abandoned: true }, "A take-over is the next attempt, after an abandoned one");
      expectThat(taken.fence > fence, "A take-over has a higher fence", { before: fence, after: taken.fence });
    },
  },
  {
    name: "keys and scopes never meet, however they are spelt",
    async try({ store }) {
      const names = oddNames();
      for (const name of names) {
        const claim = claimOf(name, { fingerprint: JSON.stringify(name) });
        expectAcquired(await store.claim(claim), `The name ${JSON.stringify(name)} is no other's`);
        expectThat(await store.complete({ ...claim, result: bytesOf(name) }), "Its owner completes it", name);
      }
      for (const name of names) {
        const found = await store.inspect(name);
        expectLike(found, name, "A record comes back under its own name");
        expectLike(found?.record, { result: bytesOf(name) }, `The record ${JSON.stringify(name)} is no other's`);
      }
    },
  },
];

const bytesOf = (name: object): Uint8Array => new TextEncoder().encode(JSON.stringify(name));

/** Names that are easily taken for one another, or for something else: at a separator, by case, in SQL, as a path. */
function oddNames() {
  const long = "k".repeat(255);
  return [
    named("b:c", "a"),
    named("c", "a:b"),
    named("", "a:b:c"),
    named("a:b:c", ""),
    named('b","c', "a"),
    named("b/c", "a"),
    named("b%2Fc", "a"),
    named("../c", "a"),
    named("B:C", "a"),
    named("b:c ", "a"),
    named(" b:c", "a"),
    named("b:c", "A"),
    named("b:c", "ä"),
    named("b:c", "a\u0308"),
    named("b:c", "a\u0000"),
    named("b:c\u0000", "a"),
    named("ß", "a"),
    named("ss", "a"),
    named("\u{1F511}", "a"),
    named("{b}:c", "a"),
    named("b*", "a"),
    named("_:_", "a"),
    named("%:%", "a"),
    named("'; DROP TABLE keys; --", "a"),
    named("\\x27\\", "a"),
    named("__proto__", "constructor"),
    named(`${long.slice(1)}a`, long),
    named(`${long.slice(1)}b`, long),
  ];
}
