import { Pool, type PoolClient } from "pg";
import { postgresOutbox, postgresStore } from "../../../../../packages/once-again/src/stores/postgres/index.ts";
import { postgresBinary, startPostgres } from "../../../../support/servers/postgres.ts";
import { busyMsMax, connectionsMax } from "../../engine.ts";
import type { MessagesEngine, ShopDatabase } from "../engine.ts";

export const postgresEngine: MessagesEngine = {
  name: "postgres",
  position: "bigint GENERATED ALWAYS AS IDENTITY",
  transactionsMax: 8,
  server: {
    binary: postgresBinary,
    start: startPostgres,
    // Positions, in JSON. The statement itself was prepared before.
    removing: '["',
  },
  async open(url) {
    const pool = new Pool({ connectionString: url, max: 2 * connectionsMax });
    pool.on("error", () => undefined);
    // One that breaks in a transaction, while nothing is asked, says so itself.
    pool.on("connect", (client) => client.on("error", () => undefined));
    const [outbox, inboxStore] = [postgresOutbox(pool, { busyMsMax }), postgresStore(pool, { busyMsMax })];
    return {
      outbox,
      inboxStore,
      async transact(work) {
        const client = await pool.connect();
        try {
          await client.query("BEGIN");
          await client.query((await work(client)) === "commit" ? "COMMIT" : "ROLLBACK");
          client.release();
        } catch (error) {
          client.release(true);
          throw error;
        }
      },
      run: (client, statement, values) => client.query(numbered(statement), [...values]),
      read: async (query) => (await pool.query(query)).rows,
      async prepare(statements) {
        await outbox.migrate();
        await inboxStore.migrate();
        for (const statement of statements) await pool.query(statement);
      },
      close: () => pool.end(),
    } satisfies ShopDatabase<PoolClient>;
  },
};

/** The parameters of PostgreSQL have numbers. */
function numbered(statement: string): string {
  let number = 0;
  return statement.replaceAll("?", () => `$${(number += 1)}`);
}
