import { createPool, type Pool, type PoolConnection, type ResultSetHeader } from "mysql2/promise";
import { mariadbStore } from "../../../packages/once-again/src/stores/mariadb/index.ts";
import { answer } from "../exchange.ts";
import { type Guarded, type MakeSetup, unguarded, type Work } from "../setup.ts";

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

/** BEGIN, claim, work, the answer, COMMIT: the least that one writes oneself. */
function handWritten(pool: Pool): Guarded<PoolConnection> {
  return async ({ key }, work) => {
    const connection = await pool.getConnection();
    try {
      await connection.query("BEGIN");
      const [claimed] = await connection.execute("INSERT IGNORE INTO minimum (id) VALUES (?)", [key]);
      if ((claimed as ResultSetHeader).affectedRows === 0) {
        const [rows] = await connection.execute("SELECT answer FROM minimum WHERE id = ?", [key]);
        await connection.query("COMMIT");
        return (rows as { answer: string }[])[0]?.answer ?? "";
      }
      const text = await work(connection);
      await connection.execute("UPDATE minimum SET answer = ? WHERE id = ?", [text, key]);
      await connection.query("COMMIT");
      return text;
    } finally {
      connection.release();
    }
  };
}

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
  "hand-written, transactional": async (uri) => {
    const pool = await openPool(uri);
    await pool.query("CREATE TABLE IF NOT EXISTS minimum (id varchar(255) PRIMARY KEY, answer text)");
    return {
      kind: "function",
      guarded: handWritten(pool),
      work: (connection: PoolConnection) => workThrough(connection)(undefined),
    };
  },
} satisfies Record<string, MakeSetup>;
