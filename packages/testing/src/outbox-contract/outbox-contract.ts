import type { ContractCase } from "../store-contract/contract-case.ts";
import { type OutboxContractOptions, outboxCaseOf } from "./outbox-case.ts";
import { claimRules } from "./outbox-claims.ts";
import { commitRules, parallelCommitRules } from "./outbox-commits.ts";
import { lineRules, postponeRules } from "./outbox-postponed.ts";
import { unconfirmedRules } from "./outbox-unconfirmed.ts";

/**
 * The rules for every outbox, whatever it is built on: the cases that each of ours passes, for an outbox of your own. Any
 * test
 * runner takes them. They are about the promises of the port: a message is there from its commit until it is confirmed, none
 * is skipped, one relay at a time has a key, and those of a key are in the order of their commits.
 *
 * @example
 * ```ts
 * const open = async () => ({ outbox, begin, close });
 * for (const { name, run } of outboxContract({ open })) test(name, run);
 * ```
 */
export function outboxContract<Transaction>(options: OutboxContractOptions<Transaction>): ContractCase[] {
  const { parallel = true, lines = true } = options;
  const ofLines = lines ? lineRules : [];
  const ofCommits = [...commitRules, ...(parallel ? parallelCommitRules : [])];
  const rules = [...ofCommits, ...claimRules, ...postponeRules, ...unconfirmedRules, ...ofLines];
  return rules.map((rule) => outboxCaseOf(rule, options));
}
