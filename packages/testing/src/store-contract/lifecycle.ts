import { largestResult, type StoreRule } from "./contract-case.ts";
import { abandon, acquire, claimOf, expectAcquired, longMs, named, result, retentionMs, takeOver } from "./requests.ts";
import { expectLike, expectRefused, expectSame, expectThat } from "./rule.ts";

const name = named("order-7");
const other = Uint8Array.of(1);

/** The life of a key under its owner, from its claim to its end. */
export const lifecycleRules: readonly StoreRule[] = [
  {
    name: "a completed key answers every claim with its result, byte for byte",
    async try({ store }) {
      const claim = claimOf(name);
      await acquire(store, claim);
      expectSame(await store.complete({ ...claim, result }), true, "The owner completes its key");
      for (const again of [claim, claimOf(name), claimOf(name, { takeOverAfterMs: 0 })]) {
        expectSame(await store.claim(again), { kind: "done", result }, "A done key answers with its result");
      }
      expectLike(await store.inspect(name), { state: "done" }, "A completed key is done");
    },
  },
  {
    name: "results of any length come back whole",
    async try({ store }) {
      const bytesMax = largestResult(store);
      const lengths = [0, 1, 255, 256, 70_000].filter((length) => length < bytesMax - 1);
      for (const length of [...lengths, bytesMax - 1, bytesMax]) {
        const bytes = Uint8Array.from({ length }, (_, index) => (index * 31) & 0xff);
        const claim = claimOf(named(`result ${length}`));
        await acquire(store, claim);
        await store.complete({ ...claim, result: bytes });
        expectSame(
          await store.claim(claimOf(claim, { owner: "other" })),
          { kind: "done", result: bytes },
          `All ${length} bytes come back`,
        );
      }
    },
  },
  {
    name: "a take-over is given the checkpoints of the attempts before it, whatever they are named",
    async try({ store }) {
      const steps = ["charge", "Charge", "", "a.b", "a b", "$set", "__proto__", "constructor", "\u{1F511}"];
      let claim = claimOf(name);
      await acquire(store, claim);
      const stored: [string, Uint8Array][] = [];
      for (const [index, step] of steps.entries()) {
        stored.push([step, Uint8Array.of(index, 255)]);
        const answer = await store.checkpoint({ ...claim, step, result: Uint8Array.of(index, 255) });
        expectSame(answer, true, "The owner keeps a step's result");
        await store.renew({ ...claim, leaseMs: 0 });
        claim = { ...claim, owner: `owner ${index}` };
        const taken = expectAcquired(await takeOver(store, claim, claim), "An abandoned key is taken over");
        expectSame(taken.checkpoints, Object.fromEntries(stored), "A take-over is given all checkpoints before it");
      }
      await store.checkpoint({ ...claim, step: "charge", result });
      const { checkpoints = {} } = (await store.inspect(name))?.record ?? {};
      expectSame(checkpoints["charge"], result, "A step that is stored again replaces its checkpoint");
      await store.complete({ ...claim, result });
      const { record } = (await store.inspect(name)) ?? {};
      expectLike(record, { checkpoints: {} }, "A done key needs no checkpoints");
    },
  },
  {
    name: "a released key is new again, for any request",
    async try({ store }) {
      const claim = claimOf(name);
      await acquire(store, claim);
      await store.checkpoint({ ...claim, step: "charge", result });
      expectSame(await store.release(claim), true, "The owner releases its key");
      expectSame(await store.inspect(name), undefined, "A released key leaves nothing behind");
      const again = await acquire(store, claimOf(name, { fingerprint: "g" }));
      expectLike(again, { attempt: 1, abandoned: false, checkpoints: {} }, "A released key is new again");
    },
  },
  {
    name: "a release after a take-over abandons the key: an earlier attempt may have had an effect",
    async try({ store }) {
      const claim = claimOf(name);
      await abandon(store, claim);
      await store.checkpoint({ ...claim, step: "charge", result });
      const next = { ...claim, owner: "next", takeOverAfterMs: 0 };
      expectAcquired(await store.claim(next), "An abandoned key is taken over");
      expectSame([await store.release(next), await store.release(next)], [true, true], "Its new owner may give it up");
      expectLike(await store.inspect(name), { state: "abandoned" }, "What was taken over is abandoned, not gone");
      const last = expectAcquired(await takeOver(store, claim), "It is taken over again");
      expectLike(last, { attempt: 3, abandoned: true, checkpoints: { charge: result } }, "Nothing of it was forgotten");
    },
  },
  {
    name: "a lease is renewed by its owner, and ended by renewing it for nothing",
    async try({ store }) {
      const claim = claimOf(name, { leaseMs: 0 });
      await acquire(store, claim);
      expectLike(await store.claim(claimOf(name)), { kind: "abandoned" }, "A lease of nothing is over at once");
      expectSame(await store.renew({ ...claim, leaseMs: longMs }), true, "An owner renews its lease, late as it is");
      expectLike(await store.claim(claimOf(name)), { kind: "in-progress" }, "A renewed lease is alive");
      expectSame(await store.renew({ ...claim, leaseMs: 0 }), true, "An owner ends its lease");
      expectLike(await store.claim(claimOf(name)), { kind: "abandoned" }, "A lease that was ended is over");
    },
  },
  {
    name: "an abandoned key that was not taken over is still its owner's to complete",
    async try({ store }) {
      const claim = claimOf(name);
      await abandon(store, claim);
      expectSame(await store.checkpoint({ ...claim, step: "s", result }), true, "It keeps a step's result");
      expectSame(await store.complete({ ...claim, result }), true, "It completes its key");
      expectSame(await store.claim(claimOf(name)), { kind: "done", result }, "The result is stored");
    },
  },
  {
    name: "a done key is neither renewed nor released nor given checkpoints, and keeps its first result",
    async try({ store }) {
      const claim = claimOf(name);
      await acquire(store, claim);
      await store.complete({ ...claim, result });
      const before = await store.inspect(name);
      expectSame(await store.renew({ ...claim, leaseMs: longMs }), false, "A done key has no lease");
      expectSame(await store.release(claim), false, "A done key is not released");
      expectSame(await store.checkpoint({ ...claim, step: "s", result }), false, "A done key has no steps");
      await store.complete({ ...claim, result: other, retentionMs: 2 * retentionMs });
      expectSame(await store.inspect(name), before, "Nothing changes a done key");
    },
  },
  {
    name: "what is done to one key changes no other",
    async try({ store }) {
      const owned = (key: string) => claimOf(named(key), { owner: "one worker" });
      const [completed, untouched, released] = [owned("a"), owned("b"), owned("c")];
      for (const claim of [completed, untouched, released]) await acquire(store, claim);
      const before = await store.inspect(untouched);
      await store.complete({ ...completed, result });
      await store.release(released);
      expectSame(await store.inspect(untouched), before, "A key is changed by its own operations only");
      expectThat((await store.list({})).length === 2, "Releasing a key removes that key only", await store.list({}));
    },
  },
];

/** The rule of a store that says how large its results may be. */
export const boundedResultRules: readonly StoreRule[] = [
  {
    name: "a result that is too large is refused by name, and the key stays its owner's",
    async try({ store }) {
      if (store.resultBytesMax === undefined) return;
      expectThat(
        Number.isInteger(store.resultBytesMax) && store.resultBytesMax >= 1000,
        "The bound of results is a whole number of at least 1000 bytes",
        store.resultBytesMax,
      );
      const claim = claimOf(name);
      await acquire(store, claim);
      const complete = async () => store.complete({ ...claim, result: new Uint8Array(store.resultBytesMax! + 1) });
      await expectRefused(complete(), "ONCE_RESULT_TOO_LARGE", "A result that is too large is refused");
      expectLike(await store.inspect(name), { state: "running" }, "A result that was refused changes nothing");
      expectSame(await store.complete({ ...claim, result }), true, "The owner completes its key with a smaller one");
      expectSame(await store.claim(claimOf(name)), { kind: "done", result }, "The smaller result is stored");
    },
  },
];
