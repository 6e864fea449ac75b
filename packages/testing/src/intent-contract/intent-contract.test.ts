import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { IntentStore } from "once-again/intents";
import { sqliteIntents } from "once-again/stores/sqlite";
import { temporaryFolder } from "../../../../test/support/temporary-folder.ts";
import { intentContract } from "./intent-contract.ts";

/** Each way to be wrong, what the name of a case begins with that finds it, and how a store is made so. */
const flaws: Readonly<
  Record<string, readonly [caughtBy: string, flawed: (right: IntentStore) => Partial<IntentStore>]>
> = {
  "bytes go through text": [
    "an intent is found again",
    (right) => ({
      add: ({ request, ...rest }) =>
        right.add({
          ...rest,
          request: { ...request, body: new TextEncoder().encode(new TextDecoder().decode(request.body)) },
        }),
    }),
  ],
  "each connection has ids for itself": [
    "an id never becomes two",
    (right) => {
      const mine = Math.random();
      return { add: (request) => right.add({ ...request, id: `${request.id} ${mine}` }) };
    },
  ],
  "nothing bounds what is open": [
    "one more than may be open",
    (right) => ({ add: (request) => right.add({ ...request, openMax: 1000 }) }),
  ],
  "a lease is no lease": [
    "a renewed lease is not taken over",
    (right) => ({ renew: (request) => right.renew({ ...request, leaseMs: 1 }) }),
  ],
  "a dead owner's lease never ends": [
    "a dead owner's intent goes to another",
    (right) => ({ claim: (request) => right.claim({ ...request, leaseMs: 3_600_000 }) }),
  ],
  "doubt is forgotten": [
    "a dead owner's intent goes to another",
    (right) => ({
      claim: async (request) => {
        const { intents, nextMs } = await right.claim(request);
        return { intents: intents.map((intent) => ({ ...intent, inDoubt: false })), nextMs };
      },
    }),
  ],
  "each call is another claim": [
    "a claim that is asked again gives what it has",
    (right) => {
      let calls = 0;
      return { claim: (request) => right.claim({ ...request, owner: `${request.owner} ${(calls += 1)}` }) };
    },
  ],
  "its limit bounds what a claim has": [
    "a claim that is asked again gives what it has",
    (right) => ({
      claim: async (request) => {
        const { intents, nextMs } = await right.claim(request);
        return { intents: intents.slice(0, request.limit), nextMs };
      },
    }),
  ],
  "a claim is only asked again within its lease": [
    "a claim that is asked again has its lease anew",
    (right) => {
      const ends = new Map<string, number>();
      return {
        claim: async (request) => {
          const { intents, nextMs } = await right.claim(request);
          const isHeld = ({ id, claims }: { id: string; claims: number }) =>
            (ends.get(`${id} ${claims}`) ?? Number.POSITIVE_INFINITY) > clock.now();
          const held = intents.filter(isHeld);
          for (const { id, claims, leaseUntil } of intents) ends.set(`${id} ${claims}`, leaseUntil);
          return { intents: held, nextMs };
        },
      };
    },
  ],
  "a claim takes all": [
    "of many claims at once",
    (right) => ({ claim: (request) => right.claim({ ...request, limit: 100 }) }),
  ],
  "what has waited the longest comes last": [
    "what has been due the longest",
    (right) => ({ postpone: (request) => right.postpone({ ...request, delayMs: 60 - request.delayMs }) }),
  ],
  "every origin is claimed": [
    "origins that are left out",
    (right) => ({ claim: (request) => right.claim({ ...request, exceptOrigins: [] }) }),
  ],
  "a delay outlasts the intent": [
    "an intent that is postponed beyond its end",
    (right) => ({
      claim: async (request) => {
        const { intents, nextMs } = await right.claim(request);
        return { intents: intents.filter(({ msLeft }) => msLeft > 0), nextMs };
      },
    }),
  ],
  "the reason is lost": [
    "an outcome is stored as it is",
    (right) => ({
      end: ({ outcome, ...rest }) => right.end({ ...rest, outcome: { ...outcome, why: "time" } as never }),
    }),
  ],
  "a list is in no order": [
    "intents are listed in the order",
    (right) => ({ list: async (request) => (await right.list(request)).toReversed() }),
  ],
  "what is done is settled": [
    "only what is unknown is settled",
    (right) => ({ settle: async (request) => (await right.inspect(request.id)) !== undefined }),
  ],
  "a purge ignores its limit": [
    "only what has ended is forgotten",
    (right) => ({ purge: () => right.purge({ limit: 100 }) }),
  ],
};

let aheadMs = 0;
/** Its time passes when a test says so; its timers are real, since SQLite waits for its lock by them. */
const clock = {
  now: () => Date.now() + aheadMs,
  monotonic: () => performance.now(),
  timer(delayMs: number, callback: () => void) {
    const timer = setTimeout(callback, delayMs);
    return () => clearTimeout(timer);
  },
  advance: async (ms: number) => void (aheadMs += ms),
};

function cases(flawed: (right: IntentStore) => Partial<IntentStore> = () => ({})) {
  const folder = temporaryFolder();
  return intentContract({
    clock,
    open(name) {
      const right = sqliteIntents({ path: join(folder, `${name}.db`), clock });
      return { ...right, ...flawed(right) };
    },
  });
}

describe("the contract of intents", () => {
  const names = intentContract({ open: () => Promise.reject(new Error("not opened")) }).map(({ name }) => name);

  test.for(names)("passes a store that is right: %s", (name) =>
    cases()
      .find((rule) => rule.name === name)!
      .run(),
  );

  test.for(Object.entries(flaws))("fails a store of which is true: %s", async ([, [caughtBy, flawed]]) => {
    const rule = cases(flawed).find(({ name }) => name.startsWith(caughtBy));
    await expect(rule!.run()).rejects.toMatchObject({ code: "ERR_ASSERTION" });
  });

  test("closes both connections, also when a rule is broken", async () => {
    let open = 0;
    const [first] = intentContract({
      open: () => {
        open += 1;
        return {
          add: () => Promise.reject(new Error("broken")),
          close: async () => void (open -= 1),
        } as Partial<IntentStore> as IntentStore;
      },
    });
    await expect(first!.run()).rejects.toThrow("broken");
    expect(open).toBe(0);
  });
});
