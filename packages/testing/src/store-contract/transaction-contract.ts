import type { ContractCase } from "./contract-case.ts";
import { endedTransactionRules } from "./ended-transactions.ts";
import { parallelTransactionRules } from "./parallel-transactions.ts";
import { transactionCaseOf, type TransactionContractOptions, type TransactionRule } from "./transaction-case.ts";
import { transactionKeyRules } from "./transaction-keys.ts";
import { markRules } from "./transaction-marks.ts";
import { stepRules } from "./transaction-steps.ts";
import { transactionRules } from "./transactions.ts";

/**
 * The behaviour of every store that commits key, effect and result in one transaction. It goes on where `storeContract` ends, for
 * a `TransactionalStore`; time passes by itself in it.
 *
 * @example
 * ```ts
 * const open = async () => ({ store, execute, effects });
 * for (const { name, run } of transactionContract({ open })) test(name, run);
 * ```
 */
export function transactionContract<Transaction>(options: TransactionContractOptions<Transaction>): ContractCase[] {
  const { parallel = true, marks = true } = options;
  const denied = (["exclusive", "statements"] as const).filter((part) => options[part] === false);
  const rules = [
    ...transactionRules,
    ...endedTransactionRules,
    ...transactionKeyRules,
    ...stepRules,
    ...(marks ? markRules : []),
    ...(parallel ? parallelTransactionRules : []),
  ];
  const isPossible = ({ needs }: TransactionRule): boolean => needs === undefined || !denied.includes(needs);
  return rules.filter(isPossible).map((rule) => transactionCaseOf(rule, options));
}
