import type { Awaitable } from "once-again/internal";
import { setTimeout } from "node:timers/promises";
import type { ClaimAnswer, ClaimRequest } from "once-again/stores";
import type { StoreRuleContext, StoreRule } from "./contract-case.ts";
import { claimOf, expectAcquired, named, result, takeOver } from "./requests.ts";
import { expectThat } from "./rule.ts";

const name = named("order-7");
const leaseMs = 100;
const brief = { leaseMs };

/** How often to look, and when to give up on a store where time does not seem to pass, milliseconds; a store that is slow has more time. */
const pollMs = 5;
const patienceMs = 5000;
const patienceInAnswers = 50;

/** The most that two clocks may differ over such a time, with the rounding of each, milliseconds. */
const differenceMs = 10;

/** When leases and records end where time passes by itself: nothing too early, and everything at last. */
export const realTimeRules: readonly StoreRule[] = [
  {
    name: "a lease, the wait for a take-over and a retention end when their time is up, and not before",
    async try(context) {
      const { store } = context;
      const claim = claimOf(name, brief);
      await expectToEnd(
        context,
        claim,
        leaseMs,
        ({ kind }) => kind === "abandoned",
        () => store.claim(claimOf(name)),
      );
      const patient = claimOf(named("patient"), brief);
      const over = 2 * leaseMs;
      const ask = () => takeOver(store, patient, { takeOverAfterMs: leaseMs });
      await expectToEnd(context, patient, over, ({ kind }) => kind === "acquired", ask);
      const done = claimOf(named("done"), { ...brief, retentionMs: over });
      const again = async () => {
        await store.complete({ ...done, result });
        return store.claim(claimOf(done, { owner: "other", fingerprint: "g" }));
      };
      await expectToEnd(context, done, over, ({ kind }) => kind === "acquired", again);
    },
  },
];

/** Asks until something that a claim began has ended, and compares that with our own clock. */
async function expectToEnd(
  { store }: StoreRuleContext,
  claim: ClaimRequest,
  endMs: number,
  hasEnded: (answer: ClaimAnswer) => boolean,
  ask: () => Awaitable<ClaimAnswer>,
): Promise<void> {
  const sentAt = performance.now();
  let slowestMs = 0;
  expectAcquired(await store.claim(claim), "A new key is acquired");
  for (;;) {
    const askedAt = performance.now();
    const answer = await ask();
    slowestMs = Math.max(slowestMs, performance.now() - askedAt);
    const elapsedMs = performance.now() - sentAt;
    if (hasEnded(answer)) {
      expectThat(elapsedMs >= endMs - differenceMs, `Nothing ends before its ${endMs} ms are over`, {
        elapsedMs,
        answer,
      });
      return;
    }
    const isPatient = elapsedMs < Math.max(patienceMs, patienceInAnswers * slowestMs);
    expectThat(isPatient, `What was to last ${endMs} ms ends`, { elapsedMs, answer });
    await setTimeout(pollMs);
  }
}
