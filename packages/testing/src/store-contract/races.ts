import { randomUUID } from "node:crypto";
import type { ClaimRequest, Store } from "once-again/stores";
import type { StoreRule } from "./contract-case.ts";
import { claimOf, named } from "./requests.ts";
import { expectLike, expectSame, expectThat } from "./rule.ts";

const connectionCount = 30;
const claimRounds = 60;
const takeOverRounds = 40;

/** Races of many connections for one key. */
export const raceRules: readonly StoreRule[] = [
  {
    name: "of 50 claims at once on one connection, one wins, and the others learn that it runs",
    async try({ store }) {
      const claims = Array.from({ length: 50 }, async () => store.claim(claimOf(named("k"))));
      expectOneWinner((await Promise.all(claims)).map(({ kind }) => kind));
    },
  },
  {
    name: "what 40 owners and as many strangers ask for at once is answered for each by itself",
    async try({ store }) {
      const claims = Array.from({ length: 40 }, (_, index) => claimOf(named(`key ${index}`)));
      const first = await Promise.all(
        claims.flatMap((claim) => [claim, claim]).map(async (claim) => store.claim(claim)),
      );
      expectSame(
        [...new Set(first.map(({ kind }) => kind))],
        ["acquired"],
        "An owner that asks twice at once owns its key",
      );
      const strangers = claims.map((claim) => ({ ...claim, owner: randomUUID() }));
      const [owned, strange] = await Promise.all([
        Promise.all(claims.map((claim, index) => end(store, claim, index))),
        Promise.all(strangers.map((claim, index) => end(store, claim, index))),
      ]);
      expectSame([...new Set(owned)], [true], "An owner ends its operation");
      expectSame([...new Set(strange)], [false], "No one else ends it");
      const after = await Promise.all(claims.map(async (claim) => store.claim({ ...claim, owner: randomUUID() })));
      const found = after.map((answer) => (answer.kind === "done" ? [...answer.result] : answer.kind));
      const expected = claims.map((_, index) => [[index], "acquired", "in-progress", [index]][index % 4]);
      expectSame(found, expected, "Each operation ends as its owner said");
    },
  },
  {
    name: `exactly one of ${connectionCount} connections gets a new key, in each of ${claimRounds} rounds`,
    async try({ connect }) {
      const stores = await connections(connect);
      for (let round = 1; round <= claimRounds; round += 1) {
        expectOneWinner((await race(stores, `round ${round}`)).map(({ answer }) => answer.kind));
      }
    },
  },
  {
    name: `exactly one of ${connectionCount} connections takes an abandoned key over, in each of ${takeOverRounds} rounds`,
    async try({ connect }) {
      const stores = await connections(connect);
      let fence = 0;
      for (let round = 1; round <= takeOverRounds; round += 1) {
        const claims = await race(stores, "k", { takeOverAfterMs: 0 });
        expectOneWinner(claims.map(({ answer }) => answer.kind));
        const winner = claims.find(({ answer }) => answer.kind === "acquired");
        expectLike(winner?.answer, { attempt: round, abandoned: round > 1 }, "Each take-over is the next attempt");
        const higher = winner?.answer.kind === "acquired" ? winner.answer.fence : Number.NaN;
        expectThat(higher > fence, "Each take-over has a higher fence", { before: fence, after: higher });
        fence = higher;
        const ended = await winner?.store.renew({ ...winner.request, leaseMs: 0 });
        expectSame(ended, true, "The winner owns its key");
      }
    },
  },
];

/** Ends an operation in one of the ways there are. */
async function end(store: Store, claim: ClaimRequest, index: number): Promise<boolean> {
  switch (index % 4) {
    case 1:
      return store.release(claim);
    case 2:
      return store.renew(claim);
    default:
      return store.complete({ ...claim, result: Uint8Array.of(index) });
  }
}

function connections(connect: () => Promise<Store>): Promise<Store[]> {
  return Promise.all(Array.from({ length: connectionCount }, connect));
}

function race(stores: readonly Store[], key: string, more: Partial<ClaimRequest> = {}) {
  return Promise.all(
    stores.map(async (store) => {
      const request = claimOf(named(key), more);
      return { store, request, answer: await store.claim(request) };
    }),
  );
}

function expectOneWinner(kinds: readonly string[]): void {
  const losers = Array.from({ length: kinds.length - 1 }, () => "in-progress");
  expectSame(kinds.toSorted(), ["acquired", ...losers], "Of many who claim one key at once, exactly one gets it");
}
