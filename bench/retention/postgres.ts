import { Pool } from "pg";
import { postgresStore } from "../../packages/once-again/src/stores/postgres/index.ts";
import { startPostgres } from "../../test/support/servers/postgres.ts";
import { type RetentionEngine, type RetentionGround, scope } from "./engine.ts";

const table = "once_again_keys";
const others = "state, fingerprint, owner, attempt, fence, lease_until, checkpoints, result, created_at";

export const postgresEngine: RetentionEngine = { name: "postgres", start };

async function start(): Promise<RetentionGround> {
  const server = await startPostgres();
  const pool = new Pool({ connectionString: server.url, max: 2 });
  pool.on("error", () => undefined);
  const store = postgresStore(pool, { busyMsMax: 600_000 });
  await store.migrate();
  return {
    store,
    async addCopies(key, count, kind) {
      await pool.query(
        `INSERT INTO ${table} (scope, key, ${others}, expires_at)
          SELECT scope, replace(gen_random_uuid()::text, '-', ''), ${others}, coalesce($4, expires_at)
          FROM ${table}, generate_series(1, $3) WHERE scope = $1 AND key = $2`,
        [scope, key, count, kind === "expired" ? 1 : null],
      );
      await pool.query(`VACUUM (ANALYZE) ${table}`);
      await pool.query("CHECKPOINT");
    },
    async keyFrom(from) {
      const found = `SELECT key FROM ${table} WHERE scope = $1 AND key >= $2 ORDER BY key LIMIT 1`;
      const { rows } = await pool.query<{ key: string }>(found, [scope, from]);
      return String(rows[0]?.key);
    },
    async bytes() {
      const { rows } = await pool.query<{ bytes: string }>(`SELECT pg_total_relation_size('${table}') AS bytes`);
      return Number(rows[0]?.bytes);
    },
    async [Symbol.asyncDispose]() {
      await pool.end();
      await server[Symbol.asyncDispose]();
    },
  };
}
