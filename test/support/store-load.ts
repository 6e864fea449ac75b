import { setTimeout } from "node:timers/promises";
import type { ClaimRequest, Store } from "../../packages/once-again/src/stores/store.ts";
import { longClaim } from "./long-claim.ts";
import { waitMsMax } from "./wait-ms-max.ts";

/** Asks again until there is an answer, as a caller does while the store is away for a moment. @param msMax milliseconds. */
export async function repeatUntilAnswered<Answer>(
  ask: () => Answer | Promise<Answer>,
  msMax = waitMsMax,
): Promise<Answer> {
  const endsAt = performance.now() + msMax;
  for (;;) {
    try {
      return await ask();
    } catch (error) {
      if (performance.now() > endsAt) throw error;
      await setTimeout(50);
    }
  }
}

/** Asks again until something holds. */
export function repeatUntil(holds: () => Promise<boolean>): Promise<void> {
  return repeatUntilAnswered(async () => {
    if (!(await holds())) throw new Error(`It never came true: ${holds}`);
  });
}

/** How many claims go on at a time, and how many are acknowledged before the server is killed. */
const claimersMax = 20;
const acknowledgedMin = 300;

/** Claims keys under load until the server is killed in the midst of it; `held`: the claims that were acknowledged. */
export async function claimLoad(store: Store, kill: () => Promise<void>): Promise<{ held: ClaimRequest[] }> {
  const held: ClaimRequest[] = [];
  let killed: Promise<void> | undefined;
  let claims = 0;
  const claimer = async (): Promise<void> => {
    while (killed === undefined) {
      const claim = longClaim(`load ${(claims += 1)}`);
      const answer = await store.claim(claim);
      if (answer.kind === "acquired") held.push(claim);
      if (held.length >= acknowledgedMin) killed ??= kill();
    }
  };
  // A client may wait for its server to come back before it says what became of a claim: those don't count.
  const claimers = Array.from({ length: claimersMax }, claimer);
  for (const claiming of claimers) claiming.catch(() => undefined);
  await Promise.any(claimers);
  await killed;
  return { held: [...held] };
}
