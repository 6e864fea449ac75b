import { hasMethod } from "../../../core/duck-typing.ts";
import { OnceAgainError } from "../../../core/errors.ts";
import { invalidOptionError } from "../../../core/options.ts";
import { GuardedClient } from "../../guard/pg.ts";
import { type CallersTransaction, namedTransaction, notOpenError } from "../callers-transaction.ts";
import type { OrmTransaction, OrmTransactions } from "./orm-transactions.ts";

/** The part of a Transaction of Sequelize that we use. */
export interface SequelizeTransaction {
  commit(): Promise<void>;
  rollback(): Promise<void>;
}

/** The part of a Transaction of Sequelize that its types don't have. */
interface SequelizeInternals extends SequelizeTransaction {
  readonly sequelize: {
    query(
      statement: string,
      options: { transaction: object; type: string; raw: true; logging: false },
    ): Promise<unknown[]>;
  };
  readonly connection?: object;
  readonly finished?: string | undefined;
}

/** The part of an instance of Sequelize that we use. */
export interface SequelizeLike<Transaction> {
  getDialect(): string;
  transaction(options?: { isolationLevel?: string }): Promise<Transaction>;
}

/**
 * The `t` that `sequelize.transaction(async (t) => …)` gives, or `await sequelize.transaction()`.
 *
 * @throws OnceAgainError `ONCE_OPTION_INVALID` for the `sequelize` itself, and for a transaction that has ended.
 */
export function fromSequelize(transaction: SequelizeTransaction): CallersTransaction {
  const expected = "the t that sequelize.transaction(async (t) => …) gives";
  if (hasMethod(transaction, "getDialect")) throw invalidOptionError("transaction", expected, "the sequelize itself");
  if (!hasMethod(transaction, "commit") || !("sequelize" in transaction))
    throw invalidOptionError("transaction", expected, transaction);
  const { sequelize, finished, connection } = transaction as SequelizeInternals;
  if (finished !== undefined || connection === undefined) throw notOpenError();
  // The statements have responses in them, which are not for a log.
  const options = { transaction, type: "SELECT", raw: true, logging: false } as const;
  return namedTransaction(connection, (statement) => sequelize.query(statement, options));
}

/** How many connections Sequelize has by default. */
const connectionsByDefault = 5;

/**
 * Has handlers run in transactions of your Sequelize 6, dialect `postgres`: each is given the Transaction, to be passed as
 * the option `transaction` to everything that belongs to it.
 *
 * @param sequelize your instance.
 * @example
 * ```ts
 * const sequelize = new Sequelize(url, { dialect: "postgres" });
 * const store = postgresStore(pool, { transactions: sequelizeTransactions(sequelize) });
 * ```
 * @throws OnceAgainError `ONCE_OPTION_INVALID` for what is no instance of Sequelize, or one of another database.
 */
export function sequelizeTransactions<Transaction extends SequelizeTransaction>(
  sequelize: SequelizeLike<Transaction>,
): OrmTransactions<Transaction> {
  if (!hasMethod(sequelize, "getDialect")) throw invalidOptionError("sequelize", "an instance of Sequelize", sequelize);
  // Its types don't have the options.
  const { options } = sequelize as unknown as { options?: { pool?: { max?: number } } };
  const dialect = sequelize.getDialect();
  if (dialect !== "postgres") throw invalidOptionError("sequelize", "an instance of the dialect postgres", dialect);
  return {
    orm: "Sequelize",
    connectionsMax: options?.pool?.max ?? connectionsByDefault,
    from: fromSequelize,
    async begin({ isolation, guard }) {
      const transaction = await sequelize.transaction({ isolationLevel: isolation });
      const { connection } = transaction as unknown as Required<SequelizeInternals>;
      // A handler has another object: Sequelize refuses its own after the end by an error that nothing reports.
      const given = Object.create(transaction, {
        connection: { value: new GuardedClient(connection, guard) },
        finished: { value: undefined },
        commit: { value: () => Promise.reject(endError("commit()")) },
        rollback: { value: () => Promise.reject(endError("rollback()")) },
      }) as Transaction;
      return {
        transaction: given,
        run: fromSequelize(transaction),
        commit: () => transaction.commit(),
        async rollback() {
          if ((transaction as unknown as SequelizeInternals).finished === undefined) await transaction.rollback();
        },
      } satisfies OrmTransaction<Transaction>;
    },
  };
}

/** The error for a handler that ends its transaction by a method of an ORM. */
export function endError(method: string): OnceAgainError {
  return new OnceAgainError(
    "ONCE_HANDLER_FAILED",
    `${method} was not executed: once-again ends this transaction, together with its key. Respond, or throw, instead.`,
  );
}
