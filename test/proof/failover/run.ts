import { setTimeout } from "node:timers/promises";
import type { ClaimRequest, Store } from "../../../packages/once-again/src/stores/store.ts";
import { repeatUntilAnswered } from "../../support/store-load.ts";
import type { FailoverCluster, FailoverEngine, Fault, OpenStore } from "./engine.ts";
import { type Acknowledged, load, resultOf } from "./load.ts";

/** The cost of one lost leader. */
export interface FailoverCounts {
  readonly engine: string;
  readonly fault: Fault;
  readonly claims: number;
  /** Keys with an acknowledged claim that were granted to another owner afterwards. */
  readonly grantedAgain: number;
  readonly results: number;
  /** Acknowledged results that were not replayed afterwards. */
  readonly lostResults: number;
  /** From the loss until another node led. */
  readonly leaderlessMs: number;
}

const clientsPerSide = 4;

/** How long the load goes on before the loss and after the promotion. */
const loadMs = 500;

/** How many keys are asked for at a time afterwards. */
const auditBatch = 100;

/** Starts a cluster, loses its leader under load, brings it back, and asks for every key again. */
export async function runFailover(engine: FailoverEngine, fault: Fault): Promise<FailoverCounts> {
  await using cluster = await engine.start();
  const opened: OpenStore[] = [];
  const open = async (side: "others" | "leader"): Promise<Store> => {
    const open = await cluster.open(side);
    opened.push(open);
    return open.store;
  };
  try {
    const stores: Store[] = [];
    for (const side of ["others", "leader"] as const) {
      for (let client = 0; client < clientsPerSide; client += 1) stores.push(await open(side));
    }
    const { acknowledged, leaderlessMs } = await underLoad(cluster, stores, fault);
    const audited = await audit(await open("others"), acknowledged);
    return { engine: engine.name, fault, ...audited, leaderlessMs };
  } finally {
    await Promise.allSettled(opened.map(({ close }) => close()));
  }
}

async function underLoad(cluster: FailoverCluster, stores: readonly Store[], fault: Fault) {
  const acknowledged: Acknowledged = { claims: [], results: [] };
  let stopped = false;
  const clients = stores.map((store, client) => load(store, client, acknowledged, () => stopped));
  await setTimeout(loadMs);
  const lostAt = performance.now();
  await cluster.lose(fault);
  await cluster.promoted();
  const leaderlessMs = Math.round(performance.now() - lostAt);
  await setTimeout(loadMs);
  stopped = true;
  await cluster.heal();
  await Promise.all(clients);
  return { acknowledged, leaderlessMs };
}

async function audit(store: Store, { claims, results }: Acknowledged) {
  const answers = new Map<string, string>();
  for (let from = 0; from < claims.length; from += auditBatch) {
    const batch = claims.slice(from, from + auditBatch);
    await Promise.all(batch.map(async (claim) => answers.set(claim.key, await answerTo(store, claim))));
  }
  const count = (of: readonly ClaimRequest[], is: (answer: string | undefined) => boolean): number =>
    of.filter(({ key }) => is(answers.get(key))).length;
  return {
    claims: claims.length,
    grantedAgain: count(claims, (answer) => answer === "acquired"),
    results: results.length,
    lostResults: count(results, (answer) => answer !== "replayed"),
  };
}

async function answerTo(store: Store, claim: ClaimRequest): Promise<string> {
  const answer = await repeatUntilAnswered(() => store.claim({ ...claim, owner: "the next caller" }));
  if (answer.kind !== "done") return answer.kind;
  return Buffer.compare(answer.result, resultOf(claim)) === 0 ? "replayed" : "another result";
}
