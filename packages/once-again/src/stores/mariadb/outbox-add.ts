import { hasMethod } from "../../core/duck-typing.ts";
import { invalidOptionError } from "../../core/options.ts";
import { notMigratedError } from "../sql/not-migrated-error.ts";
import type { StoredMessage } from "../outbox-message.ts";
import { type MysqlConnection, type MysqlQuery, mysqlQuery } from "./client.ts";
import { errorNumber, noSuchTable } from "./errors.ts";
import type { OutboxStatements } from "./outbox-statements.ts";

/** What a message can be added to: a connection of `mysql2/promise` with an open transaction, or what `from…` makes of another. */
export type MariadbOutboxTransaction = Pick<MysqlConnection, "query">;

/** Adds a message within a transaction. */
export type AddMessage = (transaction: MariadbOutboxTransaction, message: StoredMessage) => Promise<void>;

export function messageAdder({ lock, add }: Pick<OutboxStatements, "lock" | "add">): AddMessage {
  return async (transaction, { id, topic, orderingKey, headers, body }) => {
    checkTransaction(transaction);
    const run: MysqlQuery = (statement, values) =>
      mysqlQuery(transaction)(statement, values).catch((error: unknown) => {
        throw errorNumber(error) === noSuchTable ? notMigratedError("MariaDB", error) : error;
      });
    const key = orderingKey === undefined ? null : Buffer.from(orderingKey);
    // The position is drawn when the key's row is locked, and no other has it before we have committed. So the order of
    // positions is that of the commits.
    if (key !== null) {
      const locked = (await run(lock, [key])) as unknown[];
      if (locked.length === 0) throw notMigratedError("MariaDB", undefined);
    }
    const texts = [Buffer.from(id), Buffer.from(topic), key, Buffer.from(JSON.stringify(headers))];
    const { affectedRows } = (await run(add, [...texts, Buffer.from(body)])) as { affectedRows: number };
    if (affectedRows !== 1) {
      refuse("one on which no transaction is open: none was begun, or the server has rolled it back after a deadlock");
    }
  };
}

const makers = { raw: "fromKnex", executeQuery: "fromKysely" } as const;

/** @throws OnceAgainError `ONCE_OPTION_INVALID` for what can be no transaction. */
function checkTransaction(transaction: unknown): void {
  if (hasMethod(transaction, "getConnection")) refuse("a pool, which runs each statement on any connection");
  if (hasMethod(transaction, "promise")) refuse("one with callbacks: give connection.promise()");
  for (const [method, maker] of Object.entries(makers)) {
    if (hasMethod(transaction, method)) refuse(`one of another library: give it as ${maker}(transaction)`);
  }
  if (!hasMethod(transaction, "query")) refuse(transaction === null ? "null" : typeof transaction);
}

function refuse(is: string): never {
  throw invalidOptionError("transaction", "a connection of mysql2/promise with an open transaction", is);
}
