import { randomUUID } from "node:crypto";
import type { TransactionEnding } from "once-again/internal";
import type { TransactionalStore } from "once-again/stores";
import type { ContractCase } from "./contract-case.ts";
import { result } from "./requests.ts";

/** A store in a database that also has effects. */
export interface TransactionFixture<Transaction> {
  /** A store without records, with at most 20 connections; the contract calls its `close()`. */
  readonly store: TransactionalStore<Transaction>;
  /**
   * Executes one SQL statement in the transaction that work was given: `INSERT INTO effects VALUES ('name')` into an
   * empty table `effects` of one column of text, `SAVEPOINT`, `ROLLBACK`, `COMMIT`; with `statements: false` only the first of them,
   * by whatever writes the effect there.
   */
  execute(transaction: Transaction, statement: string): unknown;
  /** The names of the effects that are committed, read over another connection, in the order of their names. */
  effects(): Promise<readonly unknown[]> | readonly unknown[];
}

/** The store under test, and what it can do. */
export interface TransactionContractOptions<Transaction> {
  /**
   * Opens a store and a table of effects, both empty; `records` is a new name each time (up to 20 of a-z, 0-9 and _,
   * first a letter).
   */
  open(records: string): Promise<TransactionFixture<Transaction>> | TransactionFixture<Transaction>;
  /**
   * Whether the store answers others while a transaction is open, as a server with many connections does; default true.
   * `false` leaves those cases out: there, others wait until it ends.
   */
  readonly parallel?: boolean | undefined;
  /**
   * Whether the work of one key runs in one place at a time, as under a lock; default true. `false` leaves the case out that needs it:
   * there duplicates run beside each other, and one of them commits.
   */
  readonly exclusive?: boolean | undefined;
  /**
   * Whether the transaction is one of SQL, with savepoints, and with BEGIN, COMMIT and ROLLBACK as statements; default true. `false`
   * leaves those cases out: work that collects its writes has nothing that could end them.
   */
  readonly statements?: boolean | undefined;
  /** How much longer than asked for a retention may last by the store's clock, milliseconds; default 0. */
  readonly clockDoubtMs?: number | undefined;
  /** Whether the store has high-water marks, `moveMark`; default true. `false` leaves those cases out. */
  readonly marks?: boolean | undefined;
}

/** A rule of the transaction contract. */
export interface TransactionRule {
  readonly name: string;
  /** The part of a store that the rule needs, and that an option may deny. */
  readonly needs?: "exclusive" | "statements" | undefined;
  try(context: TransactionRuleContext<unknown>): Promise<void>;
}

/** The store and effects that one case of the transaction contract works on. */
export interface TransactionRuleContext<Transaction> extends TransactionFixture<Transaction> {
  readonly clockDoubtMs: number;
  /** Work that makes one effect, and ends in the given way. */
  effect(
    name: string,
    keep: TransactionEnding<string>["keep"],
  ): (transaction: Transaction) => Promise<TransactionEnding<string>>;
}

/** Makes a case of a rule: it opens a new store for each run, and closes it in the end. */
export function transactionCaseOf<Transaction>(
  rule: TransactionRule,
  options: TransactionContractOptions<Transaction>,
): ContractCase {
  return {
    name: rule.name,
    async run() {
      const fixture = await options.open(`contract_${randomUUID().slice(0, 8)}`);
      const context: TransactionRuleContext<Transaction> = {
        ...fixture,
        clockDoubtMs: options.clockDoubtMs ?? 0,
        effect: (name, keep) => async (transaction) => {
          await fixture.execute(transaction, insert(name));
          return { keep, result, value: name };
        },
      };
      try {
        await rule.try(context as TransactionRuleContext<unknown>);
      } finally {
        await Promise.allSettled([fixture.store.close()]);
      }
    },
  };
}

/** The statement that makes an effect. */
export function insert(name: string): string {
  return `INSERT INTO effects VALUES ('${name}')`;
}
