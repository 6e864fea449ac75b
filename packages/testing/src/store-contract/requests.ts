import type { Acquired, Awaitable } from "once-again/internal";
import { randomUUID } from "node:crypto";
import type { ClaimAnswer, ClaimRequest, RecordName, Store } from "once-again/stores";
import { expectThat } from "./rule.ts";

/** Longer than any case takes. */
export const longMs = 60_000;

/** Longer than `longMs`, as a retention is longer than a lease. */
export const retentionMs = 2 * longMs;

/** Bytes that are no text. */
export const result = Uint8Array.of(0, 10, 255, 128);

export const named = (key: string, scope = "acme"): RecordName => ({ scope, key });

/** A claim of a new owner, under a lease that outlives the case. */
export function claimOf(name: RecordName, more: Partial<ClaimRequest> = {}): ClaimRequest {
  return { ...name, fingerprint: "f", owner: randomUUID(), leaseMs: longMs, retentionMs, ...more };
}

/** Makes a claim that must get its key. */
export async function acquire(store: Store, claim: ClaimRequest): Promise<Acquired> {
  return expectAcquired(await store.claim(claim), "A key that is free is acquired");
}

/** @throws AssertionError, unless the claim got its key. */
export function expectAcquired(answer: ClaimAnswer, rule: string): Acquired {
  expectThat(answer.kind === "acquired", rule, answer);
  return answer;
}

/** A key that its owner left: its lease was ended at once. */
export async function abandon(store: Store, claim: ClaimRequest): Promise<Acquired> {
  const acquired = await acquire(store, claim);
  expectThat(await store.renew({ ...claim, leaseMs: 0 }), "An owner can end its lease", false);
  return acquired;
}

/** Claims with a request of the same name, by a new owner that takes abandoned keys over. */
export function takeOver(store: Store, claim: ClaimRequest, more: Partial<ClaimRequest> = {}): Awaitable<ClaimAnswer> {
  return store.claim({ ...claim, owner: randomUUID(), takeOverAfterMs: 0, ...more });
}
