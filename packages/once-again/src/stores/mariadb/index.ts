export type { MysqlConnection, MysqlPool } from "./client.ts";
export { mariadbStore, type MariadbStore, type MariadbStoreOptions } from "./mariadb-store.ts";
