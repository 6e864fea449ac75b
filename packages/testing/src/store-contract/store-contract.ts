import { caseOf, type ContractCase, type StoreContractOptions } from "./contract-case.ts";
import { brokenRecordRules } from "./broken-records.ts";
import { claimRules } from "./claims.ts";
import { exactTimeRules } from "./exact-times.ts";
import { historyRules } from "./histories.ts";
import { boundedResultRules, lifecycleRules } from "./lifecycle.ts";
import { ownerRules } from "./owners.ts";
import { operatorRules } from "./operators.ts";
import { raceRules } from "./races.ts";
import { realTimeRules } from "./real-times.ts";

/**
 * The behaviour of every store, whatever it is built on: the cases that each of ours passes, for a store of your own. Any test
 * runner takes them.
 *
 * They are about the promises of the port: one winner among many, leases and retention by the store's clock, an owner
 * that lost its acknowledgement, a late owner, names and results of any kind, and 60 random histories against
 * `transition`, the state machine that the port stands for.
 *
 * @example
 * ```ts
 * for (const { name, run } of storeContract({ open: (records) => ownStore(`${records}.db`) })) test(name, run);
 * ```
 */
export function storeContract(options: StoreContractOptions): ContractCase[] {
  const timeRules = options.clock === undefined ? realTimeRules : exactTimeRules(options.clock, options.purges ?? true);
  const { breakRecord } = options;
  const brokenRules = breakRecord === undefined ? [] : brokenRecordRules((...given) => breakRecord(...given));
  const rules = [
    claimRules,
    raceRules,
    lifecycleRules,
    boundedResultRules,
    ownerRules,
    timeRules,
    operatorRules,
    brokenRules,
    historyRules,
  ];
  return rules.flat().map((rule) => caseOf(rule, options));
}
