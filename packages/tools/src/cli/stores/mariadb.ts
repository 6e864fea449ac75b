import type { MysqlConnection, MysqlPool } from "once-again/stores/mariadb";
import type { Store } from "once-again/stores";
import { loadDriver } from "./driver.ts";
import { takeParameter } from "./parameters.ts";

/** What we use of `mysql2/promise`. */
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
export async function openMariadb(url: URL): Promise<Store> {
  const tablePrefix = takeParameter(url, "tablePrefix");
  const mysql = loadDriver("MariaDB", ["mysql2/promise"]).module as Mysql2;
  const uri = url.href.replace(/^mariadb:/, "mysql:");
  const pool = mysql.createPool({ uri, connectionLimit: 1, connectTimeout: connectMsMax });
  const { mariadbStore } = await import("once-again/stores/mariadb");
  return { ...mariadbStore(pool, tablePrefix === undefined ? {} : { tablePrefix }), close: () => pool.end() };
}
