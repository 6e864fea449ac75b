import { acquire, claimOf, expectAcquired, longMs, named, result, takeOver } from "./requests.ts";
import { expectLike, expectSame, expectThat } from "./rule.ts";
import { insert, type TransactionRule } from "./transaction-case.ts";

const name = named("order-7");
const operation = { ...name, fingerprint: "f", retentionMs: longMs };
const duplicates = 50;

/** The behaviour of a store for others while a transaction is open. */
export const parallelTransactionRules: readonly TransactionRule[] = [
  {
    name: `${duplicates} duplicates of an open transaction learn at once that it runs, and hold no connection`,
    needs: "exclusive",
    async try({ store, effects, effect }) {
      const go = Promise.withResolvers<void>();
      const began = Promise.withResolvers<void>();
      const first = store.transact(operation, async (transaction) => {
        const ending = await effect("one", "commit")(transaction);
        began.resolve();
        await go.promise;
        return ending;
      });
      try {
        await Promise.race([began.promise, first]);
        const repeat = () => store.transact(operation, effect("again", "commit"));
        const kinds = (await Promise.all(Array.from({ length: duplicates }, repeat))).map(({ kind }) => kind);
        expectThat(
          kinds.every((kind) => kind === "in-progress"),
          "A duplicate learns at once that it runs",
          kinds,
        );
        const other = await store.transact({ ...operation, key: "other" }, effect("other", "commit"));
        expectLike(other, { kind: "executed" }, "Another key is not held up");
      } finally {
        go.resolve();
        await first.catch(() => undefined);
      }
      expectLike(await first, { kind: "executed" }, "The first one ends as if it were alone");
      expectSame(await effects(), ["one", "other"], "Each key has one effect");
    },
  },
  {
    name: "a lease is renewed while a step of it is in its transaction",
    async try({ store, execute }) {
      const claim = claimOf(name);
      await acquire(store, claim);
      const checkpoint = await store.transactStep({ ...claim, step: "charge" }, async (transaction) => {
        await execute(transaction, insert("charge"));
        expectSame(await store.renew(claim), true, "An owner renews its lease while its step runs");
        return result;
      });
      expectSame(checkpoint, result, "The step is stored");
    },
  },
  {
    name: "a step has no effect when its key is taken over in the middle of it",
    async try({ store, execute, effects }) {
      const claim = claimOf(name, { leaseMs: 0 });
      await acquire(store, claim);
      const checkpoint = await store.transactStep({ ...claim, step: "charge" }, async (transaction) => {
        await execute(transaction, insert("charge"));
        expectAcquired(await takeOver(store, claim), "An abandoned key is taken over, whatever its late owner does");
        return result;
      });
      expectSame(checkpoint, undefined, "A step is refused when its key was taken over");
      expectSame(await effects(), [], "A step has no effect when its key was taken over");
    },
  },
];
