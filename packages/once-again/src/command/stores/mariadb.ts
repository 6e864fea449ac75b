import type { MysqlConnection, MysqlPool } from "../../stores/mariadb/client.ts";
import type { Store } from "../../stores/index.ts";
import type { MigratableOutbox } from "./open-outbox.ts";
import { loadDriver } from "../load-driver.ts";
import { takeParameter } from "./parameters.ts";
import { connectionsMax, type StoreUse } from "./store-use.ts";

/** The part of `mysql2/promise` that we use. */
interface Mysql2 {
  createPool(options: {
    uri: string;
    connectionLimit: number;
    connectTimeout: number;
  }): MysqlPool<MysqlConnection> & { end(): Promise<void> };
}

/** How long the server may take to accept a connection, milliseconds. */
const connectMsMax = 10_000;

/** Opens the store in a MariaDB that has its tables: `mysql://…?tablePrefix=shop_`. */
export async function openMariadb(url: URL, use: StoreUse): Promise<Store> {
  const { mariadbStore } = await import("../../stores/mariadb/index.ts");
  const { pool, options } = connect(url, use);
  return { ...mariadbStore(pool, options), close: () => pool.end() };
}

/** Opens the outbox there. */
export async function openMariadbOutbox(url: URL): Promise<MigratableOutbox> {
  const { mariadbOutbox } = await import("../../stores/mariadb/index.ts");
  const { pool, options } = connect(url, "command");
  return { ...mariadbOutbox(pool, options), close: () => pool.end() };
}

function connect(
  url: URL,
  use: StoreUse,
): { pool: ReturnType<Mysql2["createPool"]>; options: { readonly tablePrefix?: string } } {
  const tablePrefix = takeParameter(url, "tablePrefix");
  const mysql = loadDriver("MariaDB", ["mysql2/promise"]).module as Mysql2;
  const uri = url.href.replace(/^mariadb:/, "mysql:");
  const pool = mysql.createPool({ uri, connectionLimit: connectionsMax[use], connectTimeout: connectMsMax });
  return { pool, options: tablePrefix === undefined ? {} : { tablePrefix } };
}
