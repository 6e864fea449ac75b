import { setTimeout } from "node:timers/promises";
import type { ClaimRequest, Store } from "../../../packages/once-again/src/stores/store.ts";
import { longClaim } from "../../support/long-claim.ts";

/** What a store acknowledged. */
export interface Acknowledged {
  readonly claims: ClaimRequest[];
  /** The claims whose result was acknowledged too. */
  readonly results: ClaimRequest[];
}

/** Between two operations of one client, milliseconds, so that a run stays small. */
const pauseMs = 2;

/** All keys have one hash tag, so that a Redis Cluster keeps them on one node. */
export const hashTag = "{failover}";

/** The result that goes with a claim. */
export const resultOf = (claim: ClaimRequest): Uint8Array => Buffer.from(claim.key);

/**
 * One client: claims keys of its own until it is stopped, and completes every other one. A key whose claim was not
 * acknowledged counts for nothing: its caller knows that it does not know.
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
