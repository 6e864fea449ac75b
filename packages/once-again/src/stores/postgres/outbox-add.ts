import type { StoredMessage } from "../outbox-message.ts";
import { tableName } from "../sql/names.ts";
import { notOpenError, type PostgresTransaction, transactionQuery } from "./open-transaction.ts";
import { clock } from "./statements.ts";

/** Adds a message within a transaction, in one statement where that has written something before. */
export type AddMessage = (transaction: PostgresTransaction, message: StoredMessage) => Promise<void>;

/**
 * @param options.notify whether the commit itself notifies relays.
 * @param onAdded is called with the number of the transaction.
 */
export function messageAdder(
  prefix: string,
  options: { notify: boolean; prepare: boolean },
  onAdded?: (transactionId: string) => void,
): AddMessage {
  const outbox = tableName(prefix, "outbox");
  const statement = (isKeyed: boolean): string => {
    // The position is drawn when the key is locked, and no other has the key before we have committed. So the order of
    // positions is that of the commits.
    const locked = isKeyed ? "pg_advisory_xact_lock(hashtextextended($6::text, 0)) AS locked, " : "";
    const notified = options.notify ? `, pg_notify('${outbox}', '') AS notified` : "";
    return `WITH ${clock} INSERT INTO ${outbox} (id, topic, ordering_key, headers, body, added_at, due_at)
      SELECT $1::text, $2::text, $3::text, $4::text, $5::bytea, clock.ms, clock.ms FROM ${locked}clock${notified}
      WHERE txid_current_if_assigned() IS NOT NULL RETURNING txid_current()::text AS transaction_id`;
  };
  const [keyed, keyless] = [statement(true), statement(false)];

  return async (transaction, { id, topic, orderingKey, headers, body }) => {
    const query = transactionQuery(transaction, options.prepare);
    const values = [id, topic, orderingKey ?? null, JSON.stringify(headers), Buffer.from(body)];
    const add = async (): Promise<boolean> => {
      const [row] = (await (orderingKey === undefined
        ? query(keyless, values)
        : query(keyed, [...values, JSON.stringify([outbox, orderingKey])]))) as { transaction_id: string }[];
      if (row !== undefined) onAdded?.(row.transaction_id);
      return row !== undefined;
    };
    if (await add()) return;
    // Only a transaction has a number before its statement writes. One that is open has it from here on; where each
    // statement is one of its own, or the transaction has ended, the next has none again.
    await query("SELECT txid_current()");
    if (!(await add())) throw notOpenError();
  };
}
