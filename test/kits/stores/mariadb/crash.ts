import { type Connection, createConnection, createPool, type PoolConnection, type RowDataPacket } from "mysql2/promise";
import { mariadbStore } from "../../../../packages/once-again/src/stores/mariadb/index.ts";
import { mariadbBinary, startMariadb } from "../../../support/servers/mariadb.ts";
import { busyMsMax, connectionsMax, type CrashEngine, effectsTable } from "../../../proof/crash/engine.ts";

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
  operator: {
    async session(url) {
      const connection = await createConnection(url);
      connection.on("error", () => undefined);
      return {
        run: (statement) => (statement === "KILL" ? killAny(connection) : connection.query(statement)),
        [Symbol.asyncDispose]: async () => connection.destroy(),
      };
    },
    operations: () => ({
      "table-lock": { held: ["FLUSH TABLES WITH READ LOCK"] },
      "ended-connections": { repeated: "KILL" },
      "read-only": { done: ["SET GLOBAL read_only = 1"], undo: ["SET GLOBAL read_only = 0"] },
    }),
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

async function killAny(connection: Connection): Promise<void> {
  const [rows] = await connection.query<RowDataPacket[]>(
    "SELECT id FROM information_schema.processlist WHERE id <> CONNECTION_ID() AND user <> 'system user' ORDER BY RAND() LIMIT 1",
  );
  for (const { id } of rows) await connection.query(`KILL ${Number(id)}`);
}
