import { setTimeout } from "node:timers/promises";
import type { ClaimRequest, Store } from "../../../packages/once-again/src/stores/store.ts";
import { longClaim } from "../../support/long-claim.ts";

/** The calls that a store acknowledged. */
export interface Acknowledged {
  readonly claims: ClaimRequest[];
  /** The claims that had their result acknowledged, too. */
  readonly results: ClaimRequest[];
}

/** Between two operations of one client, milliseconds, so that a run stays small. */
const pauseMs = 2;

/** All keys have one hash tag, so that a Redis Cluster keeps them on one node. */
export const hashTag = "{failover}";

/** The result that goes with a claim. */
export const resultOf = (claim: ClaimRequest): Uint8Array => Buffer.from(claim.key);

/**
 * One client: claims its own keys until it is stopped, and completes every other one. A key counts for nothing when its
 * claim
 * was not acknowledged: its caller knows that the outcome is unknown.
 */
export async function load(
  store: Store,
  client: number,
  acknowledged: Acknowledged,
  isStopped: () => boolean,
): Promise<void> {
  for (let count = 0; !isStopped(); count += 1) {
    const claim = longClaim(`${hashTag} ${client} ${count}`);
    try {
      const answer = await store.claim(claim);
      if (answer.kind === "acquired") acknowledged.claims.push(claim);
      const completes = answer.kind === "acquired" && count % 2 === 0;
      if (completes && (await store.complete({ ...claim, result: resultOf(claim) }))) acknowledged.results.push(claim);
    } catch {
      // The node is gone: the next one may be there.
    }
    await setTimeout(pauseMs);
  }
}
