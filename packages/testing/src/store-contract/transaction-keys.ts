import { setTimeout } from "node:timers/promises";
import { largestResult } from "./contract-case.ts";
import { claimOf, longMs, named, result } from "./requests.ts";
import { expectLike, expectSame, expectThat } from "./rule.ts";
import type { TransactionRule } from "./transaction-case.ts";

const name = named("order-7");
const operation = { ...name, fingerprint: "f", retentionMs: longMs };
const duplicates = 50;

/** How long slow work takes, milliseconds; half of it is more than two clocks differ by. */
const slowMs = 400;

/** Longer than the retention of what is to expire, by any clock. */
const expiryMs = 20;

/** Which keys run in a transaction. */
export const transactionKeyRules: readonly TransactionRule[] = [
  {
    name: "an expired key is new, whether it was done or abandoned",
    async try({ clockDoubtMs, store, effect }) {
      await store.transact({ ...operation, retentionMs: 1 }, effect("one", "commit"));
      await store.claim(claimOf(named("leased"), { leaseMs: 0, heldRetentionMs: 1 }));
      await setTimeout(expiryMs + clockDoubtMs);
      for (const key of [operation.key, "leased"]) {
        const again = { ...operation, key, fingerprint: "g" };
        const answer = await store.transact(again, effect(key, "commit"));
        expectSame(answer, { kind: "executed", value: key }, "An expired key is new");
        expectSame(
          await store.transact(again, effect(key, "commit")),
          { kind: "done", result },
          "And then it is stored",
        );
      }
    },
  },
  {
    name: "the details of an operation are stored with its result",
    async try({ store, effect }) {
      const details = Uint8Array.of(0, 10, 255, 33);
      const detailsOf = async (key: string) => (await store.inspect(named(key)))?.record.details;
      for (const keep of ["commit", "answer-only"] as const) {
        await store.transact({ ...operation, key: keep, details }, effect(keep, keep));
        expectSame(await detailsOf(keep), details, "The details of an operation are stored with its result");
      }
      await store.transact({ ...operation, details }, effect("none", "rollback"));
      expectSame(await store.inspect(name), undefined, "They are gone with an operation that was rolled back");
    },
  },
  {
    name: "retention is counted from the end of the work, not from its beginning",
    async try({ store, effect }) {
      const expiry = async (key: string): Promise<number> => {
        const found = await store.inspect({ ...name, key });
        expectLike(found, { state: "done" }, "What was committed is stored");
        return found!.record.expiresAt;
      };
      await store.transact({ ...operation, key: "quick" }, effect("quick", "commit"));
      await store.transact({ ...operation, key: "slow" }, async (transaction) => {
        await setTimeout(slowMs);
        return effect("slow", "commit")(transaction);
      });
      // By the store's own clock: the slow one began after the quick one had ended.
      const later = (await expiry("slow")) - (await expiry("quick"));
      expectThat(later >= slowMs / 2, "The result of long work is stored as long as any, from its end", later);
    },
  },
  {
    name: "a key that a leased worker owns, or left behind, does not run",
    async try({ store, effects, effect }) {
      const claim = claimOf(name);
      await store.claim(claim);
      const run = () => store.transact(operation, effect("one", "commit"));
      expectLike(await run(), { kind: "in-progress" }, "A key that a worker owns is in progress");
      await store.renew({ ...claim, leaseMs: 0 });
      expectLike(await run(), { kind: "abandoned" }, "A key that a worker left behind is abandoned");
      expectSame(await effects(), [], "Nothing ran");
    },
  },
  {
    name: `of ${duplicates} duplicates at once one runs, and the others learn so or get its result`,
    async try({ store, effects, effect }) {
      const runs = Array.from({ length: duplicates }, (_, index) =>
        store.transact(operation, effect(`${index}`, "commit")),
      );
      const kinds = (await Promise.all(runs)).map(({ kind }) => kind);
      expectThat(kinds.filter((kind) => kind === "executed").length === 1, "Of duplicates at once one runs", kinds);
      const others = kinds.filter((kind) => kind === "done" || kind === "in-progress").length;
      expectThat(others === duplicates - 1, "The other duplicates learn so, or get its result", kinds);
      expectThat((await effects()).length === 1, "Duplicates have one effect", await effects());
    },
  },
  {
    name: `${duplicates} repeats at once of what is done all get its result`,
    async try({ store, effect }) {
      await store.transact(operation, effect("one", "commit"));
      const repeat = () => store.transact(operation, effect("again", "commit"));
      for (const answer of await Promise.all(Array.from({ length: duplicates }, repeat))) {
        expectSame(
          answer,
          { kind: "done", result },
          "A repeat of what is done gets its result, also beside other repeats",
        );
      }
    },
  },
  {
    name: "results of any length, under names of any kind, come back whole from a transaction",
    async try({ store }) {
      const bytes = Uint8Array.from({ length: largestResult(store) }, (_, index) => (index * 31) & 0xff);
      for (const key of ["'; DROP TABLE effects; --", "\\x27\\", "a\u0000b", "\u{1F511}", "k ", "k", "K"]) {
        const request = { ...operation, key, scope: `${key}?` };
        const answer = await store.transact(request, async () => ({ keep: "commit", result: bytes, value: 7 }));
        expectSame(answer, { kind: "executed", value: 7 }, `The name ${JSON.stringify(key)} is no other's`);
        const replay = await store.transact(request, async () => ({ keep: "commit", result, value: 8 }));
        expectSame(replay, { kind: "done", result: bytes }, "All bytes come back");
        expectLike(await store.inspect(request), { key, scope: request.scope }, "A record comes back under its name");
      }
    },
  },
];
