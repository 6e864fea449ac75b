import type { FuzzResult, FuzzRun } from "./fuzz.ts";
import { fuzzGateway } from "./target-gateway.ts";
import { fuzzParsers } from "./target-parsers.ts";
import { fuzzPools } from "./target-pools.ts";
import { fuzzServers } from "./target-servers.ts";
import { fuzzWebhooks } from "./target-webhooks.ts";

/** The targets of attacks. */
const targets = {
  gateway: fuzzGateway,
  servers: fuzzServers,
  parsers: fuzzParsers,
  webhooks: fuzzWebhooks,
  pools: fuzzPools,
} satisfies Record<string, (run: FuzzRun) => Promise<FuzzResult>>;

export type TargetName = keyof typeof targets;
export const targetNames = Object.keys(targets) as TargetName[];

/** Attacks a target until the time is over. */
export const fuzz = (target: TargetName, run: FuzzRun): Promise<FuzzResult> => targets[target](run);
