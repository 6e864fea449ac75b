import type { ContractCase } from "../store-contract/contract-case.ts";
import { type IntentContractOptions, intentCaseOf } from "./intent-case.ts";
import { claimRules } from "./intent-claims.ts";
import { endRules } from "./intent-ends.ts";

/**
 * The rules for every store of intents, whatever it is built on: the cases that each of ours passes, for a store of your
 * own. Any test runner takes them. They are about the promises of the port: an id is one intent, an intent has one owner at a
 * time, a claim that is asked again gives what it has, doubt is never forgotten, and only what has ended is removed.
 *
 * @example
 * ```ts
 * const open = (name: string) => sqliteIntents({ path: `/tmp/${name}.db` });
 * for (const { name, run } of intentContract({ open })) test(name, run);
 * ```
 */
export function intentContract(options: IntentContractOptions): ContractCase[] {
  return [...claimRules, ...endRules].map((rule) => intentCaseOf(rule, options));
}
