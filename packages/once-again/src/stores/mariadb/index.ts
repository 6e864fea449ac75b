/**
 * Keys, and an outbox, in MariaDB.
 *
 * @module
 */
export { fromKnex, fromKysely } from "./callers-transaction.ts";
export {
  mariadbOutbox,
  type MariadbOutbox,
  type MariadbOutboxOptions,
  type MariadbOutboxTransaction,
} from "./outbox.ts";
export { mariadbStore, type MariadbStore, type MariadbStoreOptions } from "./store.ts";
