import { Pool, type PoolClient } from "pg";
import { postgresStore } from "../../../../packages/once-again/src/stores/postgres/index.ts";
import { postgresBinary, startPostgres } from "../../../support/servers/postgres.ts";
import { busyMsMax, connectionsMax, type CrashEngine, effectsTable } from "../engine.ts";
import type { Effect } from "../evidence.ts";

export const postgresEngine: CrashEngine = {
  name: "postgres",
  modes: ["hold", "transactional"],
  server: {
    binary: postgresBinary,
    start: (within) => startPostgres({ within }),
    claiming: { hold: '"fingerprint":', transactional: "pg_try_advisory_xact_lock" },
    completing: { hold: '"first":', transactional: "RELEASE SAVEPOINT" },
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
