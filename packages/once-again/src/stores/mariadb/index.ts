export type { KnexTransaction, KyselyTransaction } from "../sql/library-transactions.ts";
export type { MysqlConnection, MysqlPool } from "./client.ts";
export { fromKnex, fromKysely } from "./library-transactions.ts";
export { mariadbOutbox, type MariadbOutbox, type MariadbOutboxOptions } from "./mariadb-outbox.ts";
export { mariadbStore, type MariadbStore, type MariadbStoreOptions } from "./mariadb-store.ts";
export type { MariadbOutboxTransaction } from "./outbox-add.ts";
