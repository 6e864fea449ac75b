import { setTimeout as sleep } from "node:timers/promises";
import { createPool, type PoolConnection } from "mysql2/promise";
import { mariadbOutbox, mariadbStore } from "../../../../packages/once-again/src/stores/mariadb/index.ts";
import { startMariadb } from "../../../support/servers/mariadb.ts";
import type { OpenedPool, PoolGround, PoolOptions } from "./ground.ts";

const rowsOf = async (connection: Pick<PoolConnection, "query">, statement: string): Promise<unknown[]> => {
  const [rows] = await connection.query(statement);
  return rows as unknown as unknown[];
};

function openPool({ port, name, connectionsMax, busyMsMax }: PoolOptions): OpenedPool {
  const pool = createPool({ uri: `mysql://${name}@127.0.0.1:${port}/test`, connectionLimit: connectionsMax });
  return {
    store: mariadbStore(pool, { busyMsMax }) as OpenedPool["store"],
    outbox: mariadbOutbox(pool, { busyMsMax }),
    execute: (connection, statement) => (connection as PoolConnection).query(statement),
    outboxTransaction: (transaction) => transaction,
    userStatement: (statement) => pool.query(statement),
    async userTransaction(work) {
      const connection = await pool.getConnection();
      try {
        await connection.beginTransaction();
        await work((statement) => connection.query(statement), connection);
        await connection.commit();
      } catch (error) {
        connection.destroy();
        throw error;
      }
      connection.release();
    },
    async onEach(statement) {
      const connections = await Promise.all(Array.from({ length: connectionsMax }, () => pool.getConnection()));
      try {
        return await Promise.all(
          connections.map((connection, index) => rowsOf(connection, statement.replace("#", String(index)))),
        );
      } finally {
        for (const connection of connections) connection.release();
      }
    },
    close: () => pool.end().catch(() => undefined),
  };
}

/** Settings of a session that must be those that it began with. */
const settings = ["tx_isolation", "innodb_lock_wait_timeout", "sql_mode", "autocommit", "lock_wait_timeout"];

/** Pools of mysql2, on a server of their own. */
export async function mariadbGround(): Promise<PoolGround> {
  const server = await startMariadb({ "max-connections": "500", "innodb-flush-log-at-trx-commit": "2" });
  const outside = createPool({ uri: server.url, connectionLimit: 8, multipleStatements: true });
  await mariadbStore(outside).migrate();
  await mariadbOutbox(outside).migrate();
  await outside.query("CREATE TABLE effects (name varchar(100) PRIMARY KEY)");
  const [usual] = (await rowsOf(
    outside,
    `SELECT ${settings.map((each) => `@@SESSION.${each} AS ${each}`).join(", ")}`,
  )) as [Record<string, unknown>];
  let looked = Promise.resolve();
  return {
    name: "mysql2",
    port: server.port,
    cutsFrom: 0,
    async open(options) {
      await outside.query(`CREATE USER '${options.name}'@'%'; GRANT ALL ON *.* TO '${options.name}'@'%'`);
      return openPool(options);
    },
    sleep: (ms) => `SELECT SLEEP(${ms / 1000})`,
    sessionState: `SELECT CASE WHEN @@in_transaction = 1 THEN 'an open transaction'
      WHEN RELEASE_ALL_LOCKS() > 0 THEN 'a named lock'
      ${settings.map((each) => `WHEN @@SESSION.${each} <> '${usual[each]}' THEN 'another ${each}'`).join(" ")}
      ELSE 'as it was' END AS state`,
    async seen(beginning) {
      const like = [`${beginning}%`];
      const [effects] = await outside.query("SELECT name FROM effects WHERE name LIKE ?", like);
      const [done] = await outside.query(
        "SELECT CONVERT(`key` USING utf8mb4) AS name FROM once_again_keys WHERE state = 'done' AND `key` LIKE ?",
        like,
      );
      const names = (rows: unknown): Set<string> => new Set((rows as { name: string }[]).map(({ name }) => name));
      return { effects: names(effects), done: names(done) };
    },
    async leftOpen(user) {
      // Who reads it more often sees what was seen before.
      looked = looked.then(() => sleep(150));
      await looked;
      const rows = await rowsOf(
        outside,
        `SELECT CONCAT_WS(' ', trx_state, trx_query) AS left_open FROM information_schema.innodb_trx
        JOIN information_schema.processlist ON id = trx_mysql_thread_id WHERE user = '${user}'`,
      );
      return (rows as { left_open: string }[]).map((row) => row.left_open);
    },
    userBreach(error) {
      const { errno = 0, sqlState, message } = error as { errno?: number; sqlState?: string; message: string };
      // ER_SERVER_SHUTDOWN, ER_CONNECTION_KILLED
      return sqlState === undefined || [1053, 1927].includes(errno) ? undefined : `${errno} ${message}`;
    },
    // ER_NO_SUCH_TABLE, ER_LOCK_WAIT_TIMEOUT
    isHandlersFault: (error) => [1146, 1205].includes((error as { errno?: number }).errno ?? 0),
    // ER_QUERY_INTERRUPTED
    isCancelled: (error) => (error as { errno?: unknown }).errno === 1317,
    // Of savepoints and transactions: ER_SP_DOES_NOT_EXIST, ER_CANT_CHANGE_TX_CHARACTERISTICS, ER_LOCK_NOWAIT
    isBroken: (error) => [1305, 1568, 3572].includes((error as { errno?: number }).errno ?? 0),
    async [Symbol.asyncDispose]() {
      await outside.end();
      await server[Symbol.asyncDispose]();
    },
  };
}
