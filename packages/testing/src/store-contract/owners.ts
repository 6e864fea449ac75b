import type { ClaimRequest, Store } from "once-again/stores";
import type { StoreRule } from "./contract-case.ts";
import { abandon, acquire, claimOf, expectAcquired, longMs, named, result, retentionMs, takeOver } from "./requests.ts";
import { expectLike, expectSame, expectThat } from "./rule.ts";

const name = named("order-7");
const takeOvers = 5;
const yearMs = 366 * 86_400_000;

/** That a key is changed by its owner alone, however often that owner has to ask. */
export const ownerRules: readonly StoreRule[] = [
  {
    name: "a late owner changes nothing: its key was taken over, settled, released or is another's",
    async try({ store }) {
      const settlement = { as: "done", result: Uint8Array.of(9), retentionMs } as const;
      const fates: Record<string, (claim: ClaimRequest) => unknown> = {
        "taken over": (claim) => takeOver(store, claim),
        "taken over and done": async (claim) => {
          await takeOver(store, claim, { owner: "next" });
          await store.complete({ ...claim, owner: "next", result: Uint8Array.of(9) });
        },
        "settled as done": (claim) => store.resolve({ ...claim, settlement }),
        "settled as not executed": (claim) => store.resolve({ ...claim, settlement: { as: "not-executed" } }),
        "settled, and claimed afresh": async (claim) => {
          await store.resolve({ ...claim, settlement: { as: "not-executed" } });
          await acquire(store, { ...claim, owner: "next" });
        },
      };
      for (const [fate, happens] of Object.entries(fates)) {
        const claim = claimOf(named(fate));
        await abandon(store, claim);
        await happens(claim);
        await expectNothingChanged(store, claim, `of a key that was ${fate}`);
      }
    },
  },
  {
    name: "a token that is not the owner's changes nothing while the key runs, nor after its lease",
    async try({ store }) {
      const claim = claimOf(name);
      await acquire(store, claim);
      for (const owner of ["another", "", claim.owner.toUpperCase(), `${claim.owner} `]) {
        await expectNothingChanged(store, { ...claim, owner }, "of a running key");
      }
      await store.renew({ ...claim, leaseMs: 0 });
      await expectNothingChanged(store, { ...claim, owner: "another" }, "of an abandoned key");
      await expectNothingChanged(store, claimOf(named("unknown")), "of an unknown key");
    },
  },
  {
    name: "an owner of 255 characters has its key for a year, and claims it again as the same attempt, also once its lease was ended",
    async try({ store }) {
      const owner = "arn:aws:lambda:eu-central-1:1:function:shop:$LATEST/durable-execution/order-7/".padEnd(255, "x");
      const leaseMs = Math.min(yearMs, store.retentionMsMax ?? yearMs);
      const claim = claimOf(name, { owner, leaseMs });
      const first = await acquire(store, claim);
      const other = await store.claim(claimOf(name, { takeOverAfterMs: 0 }));
      expectLike(other, { kind: "in-progress" }, "A key under a long lease is in progress");
      const leftMs = other.kind === "in-progress" ? other.leaseMsLeft : Number.NaN;
      expectThat(leftMs > leaseMs - longMs, "A long lease is as long as it was asked for", other);
      expectSame(await acquire(store, claim), first, "An owner claims its key again as the same attempt");
      await store.renew({ ...claim, leaseMs: 0 });
      expectLike(await store.claim(claimOf(name)), { kind: "abandoned" }, "A lease that was ended is over");
      expectSame(await acquire(store, claim), first, "An owner claims its key again after its lease was ended");
      expectLike((await store.inspect(name))?.record, { owner }, "An owner is stored as it is");
    },
  },
  {
    name: "the fence grows with every take-over, and never shrinks from one life of a key to the next",
    async try({ store, pass }) {
      let claim = claimOf(name);
      let { fence } = await acquire(store, claim);
      const expectMore = (after: number): void => {
        expectThat(after > fence, "The fence grows", { before: fence, after });
        fence = after;
      };
      for (let attempt = 2; attempt <= takeOvers; attempt += 1) {
        await store.renew({ ...claim, leaseMs: 0 });
        claim = { ...claim, owner: `owner ${attempt}` };
        expectMore(expectAcquired(await takeOver(store, claim, claim), "An abandoned key is taken over").fence);
      }
      await store.release(claim);
      await store.resolve({ ...name, settlement: { as: "not-executed" } });
      // Within one millisecond, a released key starts where it was; after as many as there were take-overs, above.
      await pass(takeOvers);
      expectMore((await acquire(store, claimOf(name))).fence);
    },
  },
  {
    name: "an owner that lost its acknowledgement asks again and is answered the same, each change made once",
    async try({ store }) {
      const claim = claimOf(name);
      await expectRepeatable(store, "claim", () => store.claim(claim));
      await expectRepeatable(store, "checkpoint", () => store.checkpoint({ ...claim, step: "s", result }));
      await expectRepeatable(store, "renew", () => store.renew({ ...claim, leaseMs: 0 }));
      const next = { ...claim, owner: "next", takeOverAfterMs: 0 };
      await expectRepeatable(store, "claim that takes over", () => store.claim(next));
      await expectRepeatable(store, "complete", () => store.complete({ ...next, result }));
      expectSame(await store.claim(claimOf(name)), { kind: "done", result }, "The result is stored");
    },
  },
  {
    name: "a claim that arrives after its release is released by asking again, and another owner's never is",
    async try({ store }) {
      const claim = claimOf(name);
      expectSame(await store.release(claim), false, "A claim that has not arrived can't be released");
      await acquire(store, claim);
      expectSame(await store.release(claim), true, "A claim that arrived late is released by its owner");
      const other = claimOf(name);
      await acquire(store, other);
      expectSame(await store.release(claim), false, "A release that comes once more finds another's key");
      expectLike(await store.inspect(name), { state: "running" }, "The key of another owner is not released");
    },
  },
  {
    name: "a release and a settlement that are repeated find nothing left to do, and do no harm",
    async try({ store }) {
      const claim = claimOf(name);
      await acquire(store, claim);
      expectSame([await store.release(claim), await store.release(claim)], [true, false], "A key is released once");
      await abandon(store, claim);
      const settlement = { as: "done", result, retentionMs } as const;
      const settled = [await store.resolve({ ...name, settlement }), await store.resolve({ ...name, settlement })];
      expectSame(settled, [true, false], "A key is settled once");
      expectSame(await store.claim(claimOf(name)), { kind: "done", result }, "The settlement stays");
    },
  },
];

/** All that only the owner may do. */
async function expectNothingChanged(store: Store, claim: ClaimRequest, where: string): Promise<void> {
  const before = await store.inspect(claim);
  const answers = {
    complete: await store.complete({ ...claim, result }),
    renew: await store.renew({ ...claim, leaseMs: longMs }),
    end: await store.renew({ ...claim, leaseMs: 0 }),
    checkpoint: await store.checkpoint({ ...claim, step: "s", result }),
    release: await store.release(claim),
  };
  const refused = { complete: false, renew: false, end: false, checkpoint: false, release: false };
  expectSame(answers, refused, `Who is not the owner is refused everything ${where}`);
  expectSame(await store.inspect(claim), before, `Who is not the owner changes nothing ${where}`);
}

/** The same operation twice, as after a lost acknowledgement. Only the ends of a lease and of a retention may move. */
async function expectRepeatable(store: Store, operation: string, ask: () => unknown): Promise<void> {
  const timeless = async (): Promise<unknown> => {
    const { leaseUntil: _, expiresAt: __, ...record } = (await store.inspect(name))?.record ?? {};
    return record;
  };
  const first = await ask();
  const before = await timeless();
  expectSame(await ask(), first, `A repeated ${operation} is answered as the first`);
  expectSame(await timeless(), before, `A repeated ${operation} changes nothing more`);
}
