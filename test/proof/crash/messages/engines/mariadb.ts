import { createPool, type PoolConnection } from "mysql2/promise";
import { mariadbOutbox, mariadbStore } from "../../../../../packages/once-again/src/stores/mariadb/index.ts";
import { mariadbBinary, startMariadb } from "../../../../support/servers/mariadb.ts";
import { busyMsMax, connectionsMax } from "../../engine.ts";
import type { MessagesEngine, ShopDatabase } from "../engine.ts";

export const mariadbEngine: MessagesEngine = {
  name: "mariadb",
  position: "bigint AUTO_INCREMENT PRIMARY KEY",
  transactionsMax: 8,
  server: { binary: mariadbBinary, start: startMariadb, removing: "DELETE m FROM" },
  async open(url) {
    const pool = createPool({ uri: url, connectionLimit: 2 * connectionsMax });
    const [outbox, inboxStore] = [mariadbOutbox(pool, { busyMsMax }), mariadbStore(pool, { busyMsMax })];
    return {
      outbox,
      inboxStore,
      async transact(work) {
        const connection = await pool.getConnection();
        try {
          await connection.beginTransaction();
          await connection[await work(connection)]();
          connection.release();
        } catch (error) {
          connection.destroy();
          throw error;
        }
      },
      run: (connection, statement, values) => connection.query(statement, [...values]),
      read: async (query) => (await pool.query(query))[0] as never,
      async prepare(statements) {
        await outbox.migrate();
        await inboxStore.migrate();
        for (const statement of statements) await pool.query(statement);
      },
      close: () => pool.end(),
    } satisfies ShopDatabase<PoolConnection>;
  },
};
