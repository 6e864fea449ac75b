import { AsyncLocalStorage } from "node:async_hooks";
import { TransactionGuard } from "../../guard/guard.ts";
import type { OnLateUse } from "../../store.ts";
import type { CallersTransaction } from "../callers-transaction.ts";

/**
 * How an ORM begins the transactions of handlers: made by `prismaTransactions`, `typeOrmTransactions`, `sequelizeTransactions` or
 * `mikroOrmTransactions`, and given to `postgresStore` as the option
 * `transactions`.
 */
export interface OrmTransactions<Transaction> {
  /** The name of the ORM, for messages. */
  readonly orm: string;
  /** How many connections the ORM has, where it says so. */
  readonly connectionsMax?: number | undefined;
  /** Begins a transaction on a connection of the ORM. */
  begin(options: OrmTransactionOptions): Promise<OrmTransaction<Transaction>>;
  /** Runs statements in a transaction that a handler was given. */
  from(transaction: Transaction): CallersTransaction;
}

/** The isolation levels of PostgreSQL, in capitals. */
export type IsolationLevel = "READ COMMITTED" | "REPEATABLE READ" | "SERIALIZABLE";

/** How one transaction is begun. */
export interface OrmTransactionOptions {
  readonly isolation: IsolationLevel;
  /** How long a free connection may be waited for, milliseconds. */
  readonly waitMsMax: number;
  /** Judges each statement that the ORM sends in the transaction. */
  readonly guard: OrmGuard;
}

/** A transaction that an ORM has begun. Its methods are called inside `guard.pass`. */
export interface OrmTransaction<Transaction> {
  /** The ORM's own object for it, which a handler is given. */
  readonly transaction: Transaction;
  /** Runs one statement. */
  readonly run: CallersTransaction;
  /** Sends the changes that the handler has made to entities and not sent; missing where there are none. Not inside `guard.pass`. */
  flush?(): Promise<void>;
  /** Commits, and gives the connection back, also when it fails. */
  commit(): Promise<void>;
  /** Rolls back, and gives the connection back, also when it fails, and also after a commit that failed. */
  rollback(): Promise<void>;
}

/** The guard of the statements that pass now. */
const passing = new AsyncLocalStorage<OrmGuard>();

/** The guard of a transaction in which statements of the store and those of the handler take the same way: through the ORM. */
export class OrmGuard extends TransactionGuard {
  #onLateUse: OnLateUse | undefined;
  readonly #running = new Set<Promise<unknown>>();

  constructor(isolation: IsolationLevel) {
    super("postgres", isolation, (error) => this.#onLateUse?.(error));
  }

  /** Calls this for each use after the end. */
  set onLateUse(onLateUse: OnLateUse | undefined) {
    this.#onLateUse = onLateUse;
  }

  /** Runs something of the store: what it sends is not judged. */
  pass<Value>(work: () => Promise<Value>): Promise<Value> {
    return passing.run(this, work);
  }

  /** Whether what runs now is the store's. */
  get isPassing(): boolean {
    return passing.getStore() === this;
  }

  /**
   * Runs an operation that the ORM sends later than it is admitted. The transaction does not end before it has: its
   * statements would be sent on a connection that is another's.
   */
  async track<Value>(operation: () => Promise<Value>): Promise<Value> {
    if (this.isPassing) return operation();
    const running = operation();
    this.#running.add(running);
    try {
      return await running;
    } finally {
      this.#running.delete(running);
    }
  }

  /** Resolves when no operation that is tracked runs. Never rejects. */
  async idle(): Promise<void> {
    while (this.#running.size > 0) await Promise.allSettled(this.#running);
  }

  override enter(): void {
    if (!this.isPassing) super.enter();
  }

  override admit(text: string | undefined): readonly string[] | undefined {
    return this.isPassing ? undefined : super.admit(text);
  }
}
