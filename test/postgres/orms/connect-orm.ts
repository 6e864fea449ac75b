import type { OrmTransactions } from "../../../packages/once-again/src/stores/postgres/index.ts";

/** An ORM that is connected to a database, until the running test ends. */
export interface ConnectedOrm<Transaction> {
  readonly transactions: OrmTransactions<Transaction>;
  /** Runs a statement in a transaction that a handler was given, and returns its rows. */
  execute(transaction: Transaction, statement: string): Promise<readonly unknown[]>;
  /** A transaction of the ORM inside a transaction, which its work may leave by a throw. */
  nested(transaction: Transaction, work: (nested: Transaction) => Promise<void>): Promise<unknown>;
  /** Runs work in a transaction of the caller's own. */
  transact<Value>(work: (transaction: Transaction) => Promise<Value>): Promise<Value>;
}

/** Connects an ORM to a database. */
export type ConnectOrm<Transaction> = (
  url: string,
  options?: { readonly connectionsMax?: number },
) => Promise<ConnectedOrm<Transaction>>;
