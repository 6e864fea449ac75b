import type { DatabaseSync } from "node:sqlite";
import type { Clock } from "../../core/clock.ts";
import type { StoredMessage } from "../outbox-message.ts";
import { checkTransaction } from "./open-transaction.ts";
import { addStatement } from "./outbox-statements.ts";

/** Adds a message within a transaction of another connection to the same file, before it returns. */
export type AddMessage = (transaction: DatabaseSync, message: StoredMessage) => void;

export function messageAdder(database: DatabaseSync, clock: Clock): AddMessage {
  const location = database.location();
  // Whoever writes has the file alone until its commit. So the order of positions is that of the commits.
  return (transaction, { id, topic, orderingKey, headers, body }) => {
    checkTransaction(transaction, location);
    const values = [id, topic, orderingKey ?? null, JSON.stringify(headers), body, Math.floor(clock.now())];
    transaction.prepare(addStatement).run(...values);
  };
}
