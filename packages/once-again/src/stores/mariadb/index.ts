/**
 * Keys, and an outbox, in MariaDB.
 *
 * @module
 */
import "../../core/check-platform.ts";
export { fromKnex, fromKysely } from "./callers-transaction.ts";
export { mariadbOutbox, type MariadbOutbox, type MariadbOutboxTransaction } from "./outbox.ts";
export { mariadbStore, type MariadbStore } from "./store.ts";
