import type { ContractCase } from "../store-contract/contract-case.ts";
import { inboxCaseOf, type InboxContractOptions } from "./inbox-case.ts";
import { effectRules } from "./inbox-effects.ts";
import { letterRules } from "./inbox-letters.ts";
import { positionRules } from "./inbox-positions.ts";
import { leasedRules, outageRules, transactionalRules } from "./inbox-outages.ts";

/**
 * The rules for every inbox, whatever it is built on: the cases that `openInbox` passes on each of our stores, for a store
 * or a
 * consumer of your own. Any test runner takes them. They are about its promises: one effect for each message of a consumer,
 * which is acknowledged after its commit and not before; no second effect after a lost acknowledgement; and a dead letter
 * with its reason for each message that can't be handled.
 *
 * @example
 * ```ts
 * const open = async () => ({ connect, effect, effects, interrupt, close });
 * for (const { name, run } of inboxContract({ mode: "transactional", open })) test(name, run);
 * ```
 */
export function inboxContract<Transaction = undefined>(options: InboxContractOptions<Transaction>): ContractCase[] {
  const { mode, marks = mode === "transactional" } = options;
  const modeRules = mode === "transactional" ? transactionalRules : leasedRules;
  const rules = [...effectRules, ...letterRules, ...outageRules, ...modeRules, ...(marks ? positionRules : [])];
  return rules.map((rule) => inboxCaseOf(rule, options));
}
