import { Client, Pool, type PoolClient } from "pg";
import { postgresStore } from "../../../../packages/once-again/src/stores/postgres/index.ts";
import { startPromotablePostgres } from "../../../proof/crash/promotable-postgres.ts";
import { pgbouncerBinary, startPgbouncer } from "../../../support/servers/pgbouncer.ts";
import { postgresBinary, startPostgres } from "../../../support/servers/postgres.ts";
import { busyMsMax, connectionsMax, type CrashEngine, effectsTable } from "../../../proof/crash/engine.ts";
import type { Effect } from "../../../proof/crash/evidence.ts";

export const postgresEngine: CrashEngine = {
  name: "postgres",
  modes: ["hold", "transactional"],
  server: {
    binary: postgresBinary,
    start: (within) => startPostgres({ within }),
    claiming: { hold: '"fingerprint":', transactional: "pg_try_advisory_xact_lock" },
    completing: { hold: '"first":', transactional: "RELEASE SAVEPOINT" },
    startPair: startPromotablePostgres,
    // More connections than API processes have.
    pooler: { binary: pgbouncerBinary, start: (port) => startPgbouncer(port, 40) },
  },
  operator: {
    async session(url) {
      const client = new Client({ connectionString: url });
      client.on("error", () => undefined);
      await client.connect();
      // Its own commits wait for no standby, and it may write where others may not.
      await client.query("SET synchronous_commit = local; SET default_transaction_read_only = off");
      return { run: (statement) => client.query(statement), [Symbol.asyncDispose]: () => client.end() };
    },
    operations(standbys) {
      const set = (setting: string) => [`ALTER SYSTEM SET ${setting}`, "SELECT pg_reload_conf()"];
      return {
        "table-lock": { held: ["BEGIN", "LOCK TABLE once_again_keys"] },
        "ended-connections": {
          repeated: `SELECT pg_terminate_backend(pid) FROM (SELECT pid FROM pg_stat_activity
            WHERE backend_type = 'client backend' AND pid <> pg_backend_pid() ORDER BY random() LIMIT 2) AS some`,
        },
        "standby-away": {
          done: set("synchronous_standby_names = 'away'"),
          undo: set(`synchronous_standby_names = '${standbys}'`),
        },
        "read-only": {
          done: set("default_transaction_read_only = on"),
          undo: set("default_transaction_read_only = off"),
        },
      };
    },
    roomTaking: "SELECT pg_switch_wal()",
  },
  async open(url, role) {
    const pool = new Pool({ connectionString: url, max: connectionsMax });
    pool.on("error", () => undefined);
    const store = postgresStore(pool, { busyMsMax, replayTouch: role?.by === "server" && role.hasStandby });
    return {
      store,
      effects: {
        store,
        add: (client: PoolClient, { effect, order, life }) =>
          client.query(`${effectsTable.insert} ($1, $2, $3)`, [effect, order, life]),
        read: async () => (await pool.query<Effect>(effectsTable.select)).rows,
      },
      async prepare() {
        await store.migrate();
        await pool.query(effectsTable.create);
      },
      async connections() {
        const clients = "SELECT count(*)::int AS count FROM pg_stat_activity WHERE backend_type = 'client backend'";
        return (await pool.query<{ count: number }>(clients)).rows[0]!.count;
      },
      close: () => pool.end(),
    };
  },
};
