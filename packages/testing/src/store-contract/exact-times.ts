import type { Awaitable } from "once-again/internal";
import type { StoreClock, StoreRule } from "./contract-case.ts";
import { acquire, claimOf, named, result } from "./requests.ts";
import { expectLike, expectSame } from "./rule.ts";

const name = named("order-7");
const leaseMs = 100;
const retentionMs = 1000;
const brief = { leaseMs, retentionMs };
/** Longer than any retention that is asked for here. */
const farMs = 1_000_000_000_000;

/** When leases and records end, to the millisecond. */
export function exactTimeRules(clock: StoreClock, purges: boolean): readonly StoreRule[] {
  /** Asks just before a time, at it and after it. */
  const around = async <Answer>(endMs: number, ask: () => Awaitable<Answer>): Promise<Answer[]> => {
    await clock.advance(endMs - 1 - clock.now());
    const answers = [await ask()];
    for (const ms of [1, 1]) {
      await clock.advance(ms);
      answers.push(await ask());
    }
    return answers;
  };

  return [
    {
      name: "just before its end a lease is alive; at its end and after, the key is abandoned",
      async try({ store }) {
        await acquire(store, claimOf(name, brief));
        const answers = await around(clock.now() + leaseMs, () => store.claim(claimOf(name)));
        const expected = [
          { kind: "in-progress", leaseMsLeft: 1 },
          { kind: "abandoned", leaseOverMs: 0 },
          { kind: "abandoned", leaseOverMs: 1 },
        ];
        expectSame(answers, expected, "A lease ends when its time is up, and neither before nor after");
      },
    },
    {
      name: "a lease that is renewed, or claimed again by its owner, is counted from then",
      async try({ store }) {
        const claim = claimOf(name, brief);
        await acquire(store, claim);
        for (const extend of [() => store.renew(claim), () => store.claim(claim)]) {
          await clock.advance(leaseMs - 1);
          await extend();
          const { leaseUntil } = (await store.inspect(name))?.record ?? {};
          expectSame(leaseUntil, clock.now() + leaseMs, "A lease is counted from its last renewal");
        }
      },
    },
    {
      name: "a take-over waits until the lease has been over for as long as the claim says",
      async try({ store }) {
        await acquire(store, claimOf(name, brief));
        const takeOverAfterMs = 50;
        const patient = claimOf(name, { takeOverAfterMs });
        const answers = await around(clock.now() + leaseMs + takeOverAfterMs, () => store.claim(patient));
        const kinds = answers.map(({ kind }) => kind);
        expectSame(kinds, ["abandoned", "acquired", "acquired"], "A take-over waits as long as it says");
      },
    },
    {
      name: "just before its expiry a done key is known; at its expiry and after, it is new",
      async try({ store }) {
        const claim = claimOf(name, brief);
        await acquire(store, claim);
        await clock.advance(leaseMs / 2);
        await store.complete({ ...claim, result });
        const answers = await around(clock.now() + retentionMs, async () => [
          (await store.inspect(name))?.state,
          (await store.claim(claimOf(name, { fingerprint: "g" }))).kind,
        ]);
        const expected = [
          ["done", "mismatch"],
          [undefined, "acquired"],
          ["running", "in-progress"],
        ];
        // The last claim but one has the key now, under its own token.
        expectSame(answers, expected, "A done key is known as long as its retention, counted from its completion");
        expectLike(
          (await store.inspect(name))?.record,
          { createdAt: clock.now() - 1, attempt: 1 },
          "An expired key is new",
        );
      },
    },
    {
      name: "a key without a result is stored until it is settled, and expires then as any other",
      async try({ store }) {
        await acquire(store, claimOf(name, brief));
        await clock.advance(farMs);
        const rule = "A key without a result outlives its retention";
        expectSame(await store.purge({ limit: 10 }), 0, rule);
        expectLike(await store.inspect(name), { state: "abandoned" }, rule);
        expectSame((await store.claim(claimOf(name))).kind, "abandoned", rule);
        const settlement = { as: "done", result, retentionMs } as const;
        expectSame(await store.resolve({ ...name, settlement }), true, rule);
        const [before, ...after] = await around(clock.now() + retentionMs, () => store.inspect(name));
        expectLike(before, { state: "done" }, "What was settled is stored for its retention, from its settlement on");
        expectSame(after, [undefined, undefined], "What was settled expires");
      },
    },
    {
      name: "where its claim says how long it is held, a key without a result expires then",
      async try({ store }) {
        const claim = claimOf(name, { leaseMs, heldRetentionMs: retentionMs });
        await acquire(store, claim);
        const [before, ...after] = await around(clock.now() + retentionMs, () => store.inspect(name));
        expectLike(before, { state: "abandoned" }, "An abandoned key is known until it expires");
        expectSame(after, [undefined, undefined], "A key expires that is held as long as its claim says");
        const settlement = { as: "done", result, retentionMs } as const;
        const answers = [await store.complete({ ...claim, result }), await store.resolve({ ...name, settlement })];
        expectSame(answers, [false, false], "Of an expired key nothing is left to complete or to settle");
      },
    },
    {
      name: "a stored result expires when its retention is over, also where its lease was longer",
      async try({ store }) {
        const claim = claimOf(name, { leaseMs: 5 * retentionMs, retentionMs });
        await acquire(store, claim);
        await store.complete({ ...claim, result });
        const [before, ...after] = await around(clock.now() + retentionMs, () => store.inspect(name));
        expectLike(before, { state: "done" }, "A stored result is known until it expires");
        expectSame(after, [undefined, undefined], "A stored result expires");
      },
    },
    {
      name: "a running key does not expire under its owner, and its completion starts its retention",
      async try({ store }) {
        const claim = claimOf(name, { ...brief, heldRetentionMs: retentionMs });
        await acquire(store, claim);
        await clock.advance(retentionMs - leaseMs / 2);
        await store.renew(claim);
        await clock.advance(leaseMs - 1);
        expectLike(await store.claim(claimOf(name)), { kind: "in-progress" }, "A living lease outlives its retention");
        expectSame(await store.complete({ ...claim, result }), true, "Its owner completes it");
        expectLike(
          (await store.inspect(name))?.record,
          { expiresAt: clock.now() + retentionMs },
          "It is stored from then on",
        );
      },
    },
    ...(purges ? [purgeRule(clock), scopePurgeRule(clock)] : []),
  ];
}

function purgeRule(clock: StoreClock): StoreRule {
  return {
    name: "expired records are purged, up to the limit, and no others",
    async try({ store }) {
      for (const key of ["1", "2", "3"]) {
        const claim = claimOf(named(key), brief);
        await acquire(store, claim);
        if (key !== "3") await store.complete({ ...claim, result });
      }
      await acquire(store, claimOf(named("4"), { ...brief, heldRetentionMs: retentionMs }));
      await acquire(store, claimOf(named("under its owner"), { heldRetentionMs: 1 }));
      expectSame(await store.purge({ limit: 10 }), 0, "What has not expired is not purged");
      await clock.advance(retentionMs);
      const purged = [];
      for (let time = 0; time < 3; time += 1) purged.push(await store.purge({ limit: 2 }));
      expectSame(purged, [2, 1, 0], "A purge removes what expired, up to its limit, and says how many");
      const keys = (await store.list({})).map(({ key }) => key);
      expectSame(keys, ["3", "under its owner"], "A purge removes nothing else");
    },
  };
}

function scopePurgeRule(clock: StoreClock): StoreRule {
  return {
    name: "expired records of one scope are purged, up to the limit, and no others",
    async try({ store }) {
      const scope = "50%\u001b_";
      for (const name of [
        ...["1", "2", "3"].map((key) => named(key, scope)),
        named("1", "50%"),
        named("1", scope.toUpperCase() + "x"),
      ]) {
        const claim = claimOf(name, brief);
        await acquire(store, claim);
        await store.complete({ ...claim, result });
      }
      await acquire(store, claimOf(named("runs", scope)));
      expectSame(await store.purge({ limit: 10, scope }), 0, "What has not expired is not purged");
      await clock.advance(retentionMs);
      const purged = [];
      for (let time = 0; time < 3; time += 1) purged.push(await store.purge({ limit: 2, scope }));
      expectSame(purged, [2, 1, 0], "A purge of a scope removes what expired of it, up to its limit");
      expectSame(await store.purge({ limit: 10 }), 2, "It leaves what expired of other scopes");
    },
  };
}
