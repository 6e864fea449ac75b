import { createPool } from "mysql2/promise";
import { mariadbStore } from "once-again/stores/mariadb";

export const pool = createPool({ uri: process.env["DATABASE_URL"] ?? "mysql://root@127.0.0.1/shop" });
export const store = mariadbStore(pool);
