import { createPool, type PoolConnection, type RowDataPacket } from "mysql2/promise";
import { mariadbStore } from "../../../../packages/once-again/src/stores/mariadb/index.ts";
import { mariadbBinary, startMariadb } from "../../../support/servers/mariadb.ts";
import { busyMsMax, connectionsMax, type CrashEngine, effectsTable } from "../engine.ts";

export const mariadbEngine: CrashEngine = {
  name: "mariadb",
  modes: ["hold", "transactional"],
  server: {
    binary: mariadbBinary,
    start: (within) => startMariadb({}, within),
    claiming: {
      hold: "ON DUPLICATE KEY UPDATE attempt = attempt",
      transactional: "SET STATEMENT innodb_lock_wait_timeout",
    },
    completing: { hold: "COALESCE(result, CASE", transactional: "RELEASE SAVEPOINT" },
  },
  async open(url) {
    const pool = createPool({ uri: url, connectionLimit: connectionsMax });
    const store = mariadbStore(pool, { busyMsMax });
    return {
      store,
      effects: {
        store,
        add: (connection: PoolConnection, { effect, order, life }) =>
          connection.query(`${effectsTable.insert} (?, ?, ?)`, [effect, order, life]),
        read: async () => (await pool.query<RowDataPacket[]>(effectsTable.select.replaceAll('"', "`")))[0] as never,
      },
      async prepare() {
        await store.migrate();
        await pool.query(effectsTable.create);
      },
      async connections() {
        const clients = "SELECT count(*) AS count FROM information_schema.processlist WHERE user <> 'system user'";
        return Number((await pool.query<RowDataPacket[]>(clients))[0][0]!["count"]);
      },
      close: () => pool.end(),
    };
  },
};
