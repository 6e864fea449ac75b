import { describe, expect, test } from "vitest";
import { type BatchGround, batchRules } from "../../../../../test/support/batches.ts";
import { longClaim } from "../../../../../test/support/long-claim.ts";
import { databases, execute, pgPool, postgresClients } from "../../../../../test/postgres/databases.ts";
import { cutProxy } from "../../../../../test/support/servers/cut-proxy.ts";
import { describeWithServer } from "../../../../../test/support/servers/describe-with-server.ts";
import { postgresBinary } from "../../../../../test/support/servers/postgres.ts";
import { postgresStore } from "./index.ts";
import { postgresStatements } from "./statements.ts";

describeWithServer("the batches of a PostgreSQL store", postgresBinary, () => {
  const { server, create } = databases({ settings: { deadlock_timeout: "1ms" } });

  const migrated = async (): Promise<string> => {
    const url = await create();
    await postgresStore(pgPool(url, { max: 1 })).migrate();
    return url;
  };

  const clients: typeof postgresClients = {
    ...postgresClients,
    "pg, behind a pooler": (url, options) => postgresClients["pg"]!(url, { ...options, prepare: false }),
  };

  describe.for(Object.entries(clients))("through %s", ([, open]) => {
    test("share a pool of one connection with transactions that have it for a while", async () => {
      const store = open(await migrated(), { connectionsMax: 1 });
      const all = Array.from({ length: 20 }, async (_, index) => {
        const claim = longClaim(`key ${index}`);
        const { kind } = await store.claim(claim);
        const request = { ...claim, key: `in a transaction ${index}` };
        const ran = await store.transact(request, async (connection) => {
          await execute(connection, "SELECT 1");
          return { keep: "commit", result: Uint8Array.of(1), value: true };
        });
        return [kind, ran.kind, await store.complete({ ...claim, result: Uint8Array.of(1) })];
      });
      expect(await Promise.all(all)).toEqual(all.map(() => ["acquired", "executed", true]));
    });

    test.for(Object.entries(batchRules))("%s", async ([, rule]) => {
      const url = await migrated();
      await using proxy = await cutProxy(server().port);
      const outside = pgPool(url, { max: 3 });
      const ground: BatchGround = {
        open: (options) => open(url.replace(/:\d+\//, `:${proxy.port}/`), options),
        proxy,
        async lock(key) {
          const client = await outside.connect();
          await client.query("BEGIN");
          await client.query(
            `INSERT INTO once_again_keys VALUES ('acme', $1, 'running', '', '', 1, 0, 0, '{}', NULL, 0, 0)
             ON CONFLICT (scope, key) DO UPDATE SET owner = once_again_keys.owner`,
            [key],
          );
          return async () => {
            await client.query("ROLLBACK");
            client.release();
          };
        },
        async deadlocks() {
          const others = "FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()";
          const client = await outside.connect();
          // A connection counts what it met when it ends.
          await client.query(`SELECT pg_terminate_backend(pid) ${others}`);
          await expect.poll(async () => (await client.query(`SELECT ${others}`)).rowCount).toBe(0);
          const { rows } = await client.query<{ deadlocks: string }>(
            "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()",
          );
          client.release();
          return Number(rows[0]!.deadlocks);
        },
      };
      await rule(ground);
    });
  });

  test("look each row up by the index, however many there are and were", async () => {
    const pool = pgPool(await migrated(), { max: 1 });
    const store = postgresStore(pool);
    const { claim, complete, renew, release } = postgresStatements("once_again_", false);
    const requests = Array.from({ length: 100 }, (_, n) => ({ n, scope: "acme", key: `key ${n}`, owner: "me" }));
    const values = [JSON.stringify(requests), "100"];
    const plans = async (): Promise<string> => {
      const texts = [
        [claim, values],
        [complete, [...values, Buffer.alloc(0)]],
        [renew, values],
        [release, values],
      ] as const;
      const explained = texts.map(async ([text, given]) => {
        const { rows } = await pool.query<Record<string, string>>(`EXPLAIN ${text}`, [...given]);
        return rows.map((row) => row["QUERY PLAN"]).join("\n");
      });
      return (await Promise.all(explained)).join("\n");
    };
    const fill = (count: number) =>
      pool.query(
        `INSERT INTO once_again_keys SELECT 'acme', 'key ' || n, 'running', 'f', 'me', 1, 0, 0, '{}', NULL, 0, 0
         FROM generate_series(1, $1::int) AS n ON CONFLICT DO NOTHING`,
        [count],
      );
    await store.claim(longClaim("warm"));
    const expectLookups = async (): Promise<void> => {
      const plan = await plans();
      expect(plan).not.toMatch(/Seq Scan on once_again_keys/);
      expect(plan.match(/Index Scan using once_again_keys_pkey/g)).toHaveLength(5);
    };
    await expectLookups();
    for (const count of [1_000, 30_000]) {
      await fill(count);
      await pool.query("ANALYZE once_again_keys");
      await expectLookups();
    }
  });
});
