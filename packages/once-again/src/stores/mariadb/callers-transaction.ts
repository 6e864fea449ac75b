import {
  checkKnex,
  checkKysely,
  type KnexTransaction,
  type KyselyTransaction,
  runInKysely,
} from "../guard/from-library.ts";
import type { MariadbOutboxTransaction } from "./outbox.ts";

/**
 * The `trx` that `db.transaction().execute` of Kysely gives, on its `MysqlDialect`: a message that is added to it commits with it.
 *
 * @example
 * ```ts
 * await db.transaction().execute(async (trx) => {
 *   await trx.insertInto("orders").values({ id, item }).execute();
 *   await outbox.add(fromKysely(trx), { topic: "order.placed", orderingKey: id, body: { id, item } });
 * });
 * ```
 * @throws OnceAgainError `ONCE_OPTION_INVALID` for the `db` itself, for a transaction that has ended where Kysely says so, and for one
 *   of another database.
 */
export function fromKysely(transaction: KyselyTransaction): MariadbOutboxTransaction {
  checkKysely(transaction, "MySQL");
  return {
    async query(statement, values) {
      const { rows, numAffectedRows } = await runInKysely(transaction, statement, values);
      return [numAffectedRows === undefined ? rows : { affectedRows: Number(numAffectedRows) }];
    },
  };
}

/**
 * The `trx` that `knex.transaction` gives, with the client `mysql2`: a message that is added to it commits with it.
 *
 * @example
 * ```ts
 * await knex.transaction(async (trx) => {
 *   await trx("orders").insert({ id, item });
 *   await outbox.add(fromKnex(trx), { topic: "order.placed", orderingKey: id, body: { id, item } });
 * });
 * ```
 * @throws OnceAgainError `ONCE_OPTION_INVALID` for the `knex` itself, for a transaction that has ended, and for one of another
 *   database.
 */
export function fromKnex(transaction: KnexTransaction): MariadbOutboxTransaction {
  checkKnex(transaction, "MySQL");
  return {
    async query(statement, values = []) {
      // It may have ended since.
      checkKnex(transaction, "MySQL");
      return (await transaction.raw(statement, values as never)) as [unknown];
    },
  };
}
