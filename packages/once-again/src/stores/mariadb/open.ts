import type { MysqlConnection, MysqlPool } from "./client.ts";
import type { Store } from "../store.ts";
import type { MigratableOutbox } from "../kit.ts";
import { takeParameter } from "../opening.ts";
import { connectionsMax } from "../opening.ts";
import type { Drivers, StoreUse } from "../kit.ts";

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
export async function openMariadb(url: URL, use: StoreUse, drivers: Drivers): Promise<Store> {
  const { mariadbStore } = await import("./index.ts");
  const { pool, options } = connect(url, use, drivers);
  return { ...mariadbStore(pool, options), close: () => pool.end() };
}

/** Opens the outbox there. */
export async function openMariadbOutbox(url: URL, _use: StoreUse, drivers: Drivers): Promise<MigratableOutbox> {
  const { mariadbOutbox } = await import("./index.ts");
  const { pool, options } = connect(url, "command", drivers);
  return { ...mariadbOutbox(pool, options), close: () => pool.end() };
}

function connect(
  url: URL,
  use: StoreUse,
  drivers: Drivers,
): { pool: ReturnType<Mysql2["createPool"]>; options: { readonly tablePrefix?: string } } {
  const tablePrefix = takeParameter(url, "tablePrefix");
  const mysql = drivers.one("MariaDB", ["mysql2/promise"]).module as Mysql2;
  const uri = url.href.replace(/^mariadb:/, "mysql:");
  const pool = mysql.createPool({ uri, connectionLimit: connectionsMax[use], connectTimeout: connectMsMax });
  return { pool, options: tablePrefix === undefined ? {} : { tablePrefix } };
}
