import { createPool, type Pool, type PoolConnection } from "mysql2/promise";
import { mariadbStore } from "../../../packages/once-again/src/stores/mariadb/index.ts";
import { answer } from "../exchange.ts";
import { type MakeSetup, unguarded, type Work } from "../setup.ts";

const ordersTable =
  "CREATE TABLE IF NOT EXISTS orders (id bigint AUTO_INCREMENT PRIMARY KEY, account varchar(40), amount int)";
const insertOrder = "INSERT INTO orders (account, amount) VALUES (?, ?)";
const values = ["acme", 420];

/** As many connections as the pool has by default. */
async function openPool(uri: string): Promise<Pool> {
  const pool = createPool({ uri, connectionLimit: 10 });
  await pool.query(ordersTable);
  return pool;
}

const workThrough =
  (connection: Pick<PoolConnection, "execute">): Work =>
  async () => {
    await connection.execute(insertOrder, values);
    return answer;
  };

/** The guards with keys in MariaDB, with one row of business. */
export const mariadbSetups = {
  "bare INSERT": async (uri) => ({ kind: "function", guarded: unguarded, work: workThrough(await openPool(uri)) }),
  "once-again leased": async (uri) => {
    const pool = await openPool(uri);
    const store = mariadbStore(pool);
    await store.migrate();
    return { kind: "leased", options: { store, scope: "public" }, work: workThrough(pool) };
  },
  "once-again transactional": async (uri) => {
    const store = mariadbStore<PoolConnection>(await openPool(uri));
    await store.migrate();
    return {
      kind: "transactional",
      options: { mode: "transactional", store, scope: "public" },
      work: (connection: PoolConnection) => workThrough(connection)(undefined),
    };
  },
} satisfies Record<string, MakeSetup>;
