import { randomUUID } from "node:crypto";
import { expect } from "vitest";
import type { AsyncStore, ClaimAnswer } from "../../packages/once-again/src/stores/store.ts";
import { longClaim } from "./long-claim.ts";
import type { CutProxy } from "./servers/cut-proxy.ts";
import { waitMsMax } from "./wait-ms-max.ts";

/** The ground of the rules of batches: one database, and ways to it. */
export interface BatchGround {
  /** A store with a separate pool, as another process has: of 10 connections, through the proxy. */
  open(options?: { connectionsMax?: number; busyMsMax?: number }): AsyncStore;
  readonly proxy: CutProxy;
  /**
   * Locks the row of a key from outside, and makes the row where it is missing, in a transaction; the function rolls back.
   */
  lock(key: string): Promise<() => Promise<unknown>>;
  /** Ends the connections of all stores, and says how often the server has ended a deadlock of theirs. */
  deadlocks(): Promise<number>;
  /** How many of 3,600 claims may end in one, and be asked again; default none. */
  readonly deadlocksMax?: number;
}

const result = Uint8Array.of(1, 2, 3);
const names = (count: number, prefix = "key"): string[] =>
  Array.from({ length: count }, (_, index) => `${prefix} ${String(index).padStart(4, "0")}`);
const kindOf = (settled: PromiseSettledResult<ClaimAnswer>): string =>
  settled.status === "fulfilled" ? settled.value.kind : "failed";

/** Requests that go together have no effect on each other. */
export const batchRules: Readonly<Record<string, (ground: BatchGround) => Promise<void>>> = {
  "fifty claims of one moment cost two trips, and so do their completions"({ open, proxy }) {
    return costsTwoTrips(open({ connectionsMax: 1 }), proxy);
  },
  "of 1,000 claims of 250 keys, each key has one winner, and the others find it running"({ open }) {
    return haveOneWinner(open());
  },
  async "one that the database refuses fails alone"({ open }) {
    const store = open();
    const asked = names(30);
    const wrong = { fingerprint: undefined as never };
    const ask = (key: string) => store.claim(longClaim(key, key === asked[7] ? wrong : {}));
    const settled = await Promise.allSettled([ask("first"), ...asked.map(ask), ask("k".repeat(1025))]);
    const expected = ["acquired", ...asked.map((key) => (key === asked[7] ? "failed" : "acquired")), "failed"];
    expect(settled.map(kindOf)).toEqual(expected);
  },
  async "one that waits for another's transaction waits alone"({ open, lock }) {
    const store = open({ busyMsMax: waitMsMax });
    const unlockNew = await lock("key 0002");
    const claims = names(10).map((key) => store.claim(longClaim(key)));
    const others = await Promise.all(claims.filter((_, index) => index !== 2));
    expect(others.map(({ kind }) => kind)).toEqual(others.map(() => "acquired"));
    await unlockNew();
    expect((await claims[2]!).kind).toBe("acquired");

    const owned = names(10, "owned").map((key) => longClaim(key));
    await Promise.all(owned.map((claim) => store.claim(claim)));
    const unlock = await lock(owned[4]!.key);
    let isDone = false;
    const completions = owned.map((claim) => store.complete({ ...claim, result }));
    completions[4]!.then(() => (isDone = true)).catch(() => undefined);
    await Promise.all(completions.filter((_, index) => index !== 4));
    expect(isDone).toBe(false);
    await unlock();
    expect(await Promise.all(completions)).toEqual(owned.map(() => true));
  },
  async "a connection that fell silent under a batch holds up none that come after it"({ open, proxy }) {
    const store = open({ busyMsMax: 5000 });
    await store.claim(longClaim("warm"));
    proxy.silence();
    let isRefused = false;
    const silent = store.claim(longClaim("silent")).catch(() => (isRefused = true));
    const answers = await Promise.all(names(20).map((key) => store.claim(longClaim(key))));
    expect(answers.map(({ kind }) => kind)).toEqual(answers.map(() => "acquired"));
    expect(isRefused).toBe(false);
    expect(await silent).toBe(true);
  },
  async "a connection that is lost under a batch fails each of it; asked again, each finds out what it had done"({
    open,
    proxy,
  }) {
    const store = open({ connectionsMax: 1 });
    const claims = names(20).map((key) => longClaim(key));
    const twice = async <Answer>(ask: (claim: (typeof claims)[number]) => Promise<Answer>): Promise<Answer[]> => {
      await store.inspect(claims[0]!);
      // The first goes alone.
      const first = store.claim(longClaim(randomUUID()));
      const lost = claims.map((claim) => ask(claim));
      first.then(() => proxy.cutNextAnswer()).catch(() => undefined);
      const settled = await Promise.allSettled(lost);
      expect(settled.map(({ status }) => status)).toContain("rejected");
      return Promise.all(claims.map((claim) => ask(claim)));
    };
    expect(await twice((claim) => store.claim(claim))).toMatchObject(
      claims.map(() => ({ kind: "acquired", attempt: 1 })),
    );
  },
  async "two processes that ask for the same keys in opposite orders are answered, and do not deadlock"({
    open,
    deadlocks,
    deadlocksMax = 0,
  }) {
    const stores = [open(), open()] as const;
    for (let round = 0; round < 30; round += 1) {
      const keys = names(60, `round ${round}`);
      const [forwards, backwards] = await Promise.all([
        Promise.all(keys.map((key) => stores[0].claim(longClaim(key)))),
        Promise.all(keys.toReversed().map((key) => stores[1].claim(longClaim(key)))),
      ]);
      const kinds = forwards.map(({ kind }, index) => [kind, backwards.at(-1 - index)!.kind].toSorted());
      expect(kinds).toEqual(keys.map(() => ["acquired", "in-progress"]));
    }
    expect(await deadlocks()).toBeLessThanOrEqual(deadlocksMax);
  },
};

async function costsTwoTrips(store: AsyncStore, proxy: CutProxy): Promise<void> {
  const spent = async (ask: (key: string) => Promise<unknown>): Promise<number> => {
    const before = proxy.trips();
    await Promise.all(names(50).map(ask));
    return proxy.trips() - before;
  };
  const claims = new Map(names(50).map((key) => [key, longClaim(key)]));
  // The first time, the statements are prepared.
  const warm = longClaim("warm");
  await store.claim(warm);
  await store.complete({ ...warm, result });
  expect(await spent((key) => store.claim(claims.get(key)!))).toBe(2);
  expect(await spent((key) => store.complete({ ...claims.get(key)!, result: Buffer.from(key) }))).toBe(2);
  for (const key of names(50)) {
    expect(await store.claim(longClaim(key))).toEqual({ kind: "done", result: Uint8Array.from(Buffer.from(key)) });
  }
}

async function haveOneWinner(store: AsyncStore): Promise<void> {
  const keys = names(250);
  const claims = keys.flatMap((key) => [0, 1, 2, 3].map(() => longClaim(key)));
  const answers = await Promise.all(claims.map((claim) => store.claim(claim)));
  const kindsOf = (key: string): string[] =>
    answers.filter((_, index) => claims[index]!.key === key).map(({ kind }) => kind);
  for (const key of keys) expect(kindsOf(key).toSorted()).toEqual(["acquired", ...Array(3).fill("in-progress")]);
  // In one batch: owners of some keys, and strangers to the others. Then owners ask twice at once, and strangers with them.
  const owned = claims.filter((_, index) => answers[index]!.kind === "acquired");
  const strangers = owned.map((claim) => ({ ...claim, owner: randomUUID() }));
  const complete = (some: typeof claims) => Promise.all(some.map((claim) => store.complete({ ...claim, result })));
  const isOwner = owned.map((_, index) => index % 2 === 0);
  expect(await complete(owned.map((claim, index) => (isOwner[index] ? claim : strangers[index]!)))).toEqual(isOwner);
  expect(await complete([...owned, ...owned, ...strangers])).toEqual(
    [owned, owned, strangers].flatMap((some) => some.map(() => some === owned)),
  );
}
