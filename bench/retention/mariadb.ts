import { createPool, type RowDataPacket } from "mysql2/promise";
import { mariadbStore } from "../../packages/once-again/src/stores/mariadb/index.ts";
import { startMariadb } from "../../test/support/servers/mariadb.ts";
import { type RetentionEngine, type RetentionGround, scope } from "./engine.ts";

const table = "once_again_keys";
const others = "state, fingerprint, owner, attempt, fence, lease_until, checkpoints, result, created_at";

export const mariadbEngine: RetentionEngine = { name: "mariadb", start };

async function start(): Promise<RetentionGround> {
  // It reads past the cache of the operating system, in which the other engines find what they keep.
  const server = await startMariadb({ "innodb-buffer-pool-size": "8G", "innodb-log-file-size": "4G" });
  const pool = createPool({ uri: server.url, connectionLimit: 2 });
  const store = mariadbStore(pool);
  await store.migrate();
  const ask = async (statement: string, values: readonly (string | number | null)[] = []): Promise<RowDataPacket> => {
    const [rows] = await pool.query<RowDataPacket[]>(statement, [...values]);
    const [row] = rows;
    if (row === undefined) throw new Error("There is nothing in the table.");
    return row;
  };
  return {
    store,
    // One transaction for all would need an undo log as large as they are.
    async addCopies(key, count, kind) {
      const expiresAt = kind === "expired" ? 1 : null;
      for (let added = 0; added < count; added += 10_000) {
        await pool.query(
          `INSERT INTO ${table} (scope, \`key\`, ${others}, expires_at)
            SELECT scope, md5(uuid()), ${others}, coalesce(?, expires_at)
            FROM ${table}, seq_1_to_10000 WHERE scope = ? AND \`key\` = ? AND seq <= ?`,
          [expiresAt, scope, key, count - added],
        );
      }
      await pool.query(`ANALYZE TABLE ${table}`);
    },
    async keyFrom(from) {
      const found = `SELECT \`key\` FROM ${table} WHERE scope = ? AND \`key\` >= ? ORDER BY \`key\` LIMIT 1`;
      return String((await ask(found, [scope, from]))["key"]);
    },
    async bytes() {
      const size = "SELECT data_length + index_length AS bytes FROM information_schema.tables WHERE table_name = ?";
      return Number((await ask(size, [table]))["bytes"]);
    },
    async [Symbol.asyncDispose]() {
      await pool.end();
      await server[Symbol.asyncDispose]();
    },
  };
}
