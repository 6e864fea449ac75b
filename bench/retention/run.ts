import { randomBytes, randomUUID } from "node:crypto";
import type { Store } from "../../packages/once-again/src/stores/store.ts";
import { longClaim } from "../../test/support/long-claim.ts";
import { type RetentionEngine, type RetentionGround, scope } from "./engine.ts";

/** The cost of operations while so many keys are stored. Milliseconds are medians of operations one after the other. */
export interface RetentionCost {
  readonly engine: string;
  readonly keys: number;
  readonly claimMs: number;
  readonly replayMs: number;
  /** Purges that each found as many keys as they may remove, for each key. */
  readonly purgeMsPerKey: number;
  /** A purge that finds nothing expired. */
  readonly emptyPurgeMs: number;
  readonly bytesPerKey: number;
}

/** A cost as a multiple of what it is with the fewest keys. */
export interface RetentionRatios {
  readonly claimRatio: number;
  readonly replayRatio: number;
  readonly purgeRatio: number;
  readonly emptyPurgeRatio: number;
}

const templateKey = "template";
const samples = 1000;
const purgeSamples = 20;
const expired = 5000;
const purgeLimit = 1000;
const resultBytes = 256;

/**
 * Measures one engine with ever more keys. `keyCounts` ascend.
 *
 * @param onKeys is called before so many keys are stored and measured.
 */
export async function runRetention(
  engine: RetentionEngine,
  keyCounts: readonly number[],
  onKeys: (keys: number) => void = () => undefined,
): Promise<(RetentionCost & RetentionRatios)[]> {
  await using ground = await engine.start();
  const { store } = ground;
  const template = longClaim(templateKey, { retentionMs: 86_400_000 });
  await store.claim(template);
  await store.complete({ ...template, result: randomBytes(resultBytes) });
  const costs: RetentionCost[] = [];
  let live = 1;
  for (const keys of keyCounts) {
    onKeys(keys);
    await ground.addCopies(templateKey, keys - live, "live");
    costs.push({ engine: engine.name, keys, ...(await costsAt(ground, keys)) });
    // The claims that were measured stay.
    live = keys + samples;
  }
  return costs.map((cost) => ({ ...cost, ...ratios(cost, costs[0] ?? cost) }));
}

async function costsAt(ground: RetentionGround, keys: number): Promise<Omit<RetentionCost, "engine" | "keys">> {
  const { store } = ground;
  const bytesPerKey = Math.round((await ground.bytes()) / keys);
  await warmUp(store);
  const claimMs = await medianMs(
    async () => longClaim(randomUUID()),
    async (request) => store.claim(request),
  );
  const known = async () => longClaim(await ground.keyFrom(randomBytes(16).toString("hex")));
  const replayMs = await medianMs(known, async (claim) => {
    const { kind } = await store.claim(claim);
    if (kind === "acquired") throw new Error(`The key ${claim.key} of scope ${scope} was forgotten.`);
  });
  return { claimMs, replayMs, ...(await purgeCosts(ground)), bytesPerKey };
}

async function warmUp(store: Store): Promise<void> {
  for (let time = 0; time < samples; time += 1) await store.inspect({ scope, key: randomUUID() });
}

async function medianMs<Asked>(
  prepare: () => Promise<Asked>,
  ask: (asked: Asked) => Promise<unknown>,
  count = samples,
): Promise<number> {
  const times: number[] = [];
  for (let time = 0; time < count; time += 1) {
    const asked = await prepare();
    const startedAt = performance.now();
    await ask(asked);
    times.push(performance.now() - startedAt);
  }
  return times.sort((one, other) => one - other)[count / 2] ?? Number.NaN;
}

async function purgeCosts(ground: RetentionGround): Promise<Pick<RetentionCost, "purgeMsPerKey" | "emptyPurgeMs">> {
  await ground.addCopies(templateKey, expired, "expired");
  const startedAt = performance.now();
  for (let left = expired; left > 0; left -= purgeLimit) {
    const purged = await ground.store.purge({ limit: purgeLimit });
    if (purged !== purgeLimit) throw new Error(`A purge of ${purgeLimit} keys removed ${purged}.`);
  }
  const purgeMsPerKey = (performance.now() - startedAt) / expired;
  const ask = async (): Promise<void> => {
    const purged = await ground.store.purge({ limit: purgeLimit });
    if (purged !== 0) throw new Error(`A purge with nothing to do removed ${purged} keys.`);
  };
  return { purgeMsPerKey, emptyPurgeMs: await medianMs(async () => undefined, ask, purgeSamples) };
}

function ratios(cost: RetentionCost, smallest: RetentionCost): RetentionRatios {
  return {
    claimRatio: cost.claimMs / smallest.claimMs,
    replayRatio: cost.replayMs / smallest.replayMs,
    purgeRatio: cost.purgeMsPerKey / smallest.purgeMsPerKey,
    emptyPurgeRatio: cost.emptyPurgeMs / smallest.emptyPurgeMs,
  };
}
