import type { RowDataPacket } from "mysql2/promise";
import { expect, test } from "vitest";
import { type BatchGround, batchRules } from "../../../../../test/support/batches.ts";
import { databases, mariadbPool } from "../../../../../test/mariadb/databases.ts";
import { cutProxy } from "../../../../../test/support/servers/cut-proxy.ts";
import { describeWithServer } from "../../../../../test/support/servers/describe-with-server.ts";
import { mariadbBinary } from "../../../../../test/support/servers/mariadb.ts";
import { mariadbStore } from "./index.ts";
import { mariadbStatements } from "./statements.ts";

describeWithServer("the batches of a MariaDB store", mariadbBinary, () => {
  const { server, create } = databases();

  test.for(Object.entries(batchRules))("%s", async ([, rule]) => {
    const url = await create();
    await using proxy = await cutProxy(server().port);
    const outside = mariadbPool(url, { connectionLimit: 3 });
    await mariadbStore(outside).migrate();
    const deadlocks = async (): Promise<number> => {
      const [rows] = await outside.query<RowDataPacket[]>("SHOW GLOBAL STATUS LIKE 'Innodb_deadlocks'");
      return Number(rows[0]!["Value"]);
    };
    const before = await deadlocks();
    const ground: BatchGround = {
      open: ({ connectionsMax = 10, ...options } = {}) =>
        mariadbStore(
          mariadbPool(url.replace(/:\d+\//, `:${proxy.port}/`), { connectionLimit: connectionsMax }),
          options,
        ),
      proxy,
      async lock(key) {
        const connection = await outside.getConnection();
        await connection.query("START TRANSACTION");
        await connection.query(
          `INSERT INTO once_again_keys VALUES ('acme', ?, 'running', '', '', 1, 0, 0, '{}', NULL, 0, 0)
           ON DUPLICATE KEY UPDATE owner = owner`,
          [key],
        );
        return async () => {
          await connection.query("ROLLBACK");
          connection.release();
        };
      },
      deadlocks: async () => (await deadlocks()) - before,
    };
    await rule(ground);
  });

  test("look each row up by the index", async () => {
    const pool = mariadbPool(await create(), { connectionLimit: 1 });
    await mariadbStore(pool).migrate();
    const { complete, renew } = mariadbStatements("once_again_");
    const list = Buffer.from(
      JSON.stringify([{ scope: "s", key: "k", owner: "o", retentionMs: 1, leaseMs: 1, start: 1, length: 0 }]),
    );
    const expectLookups = async (): Promise<void> => {
      for (const text of [complete, renew]) {
        const [plan] = await pool.query<RowDataPacket[]>(`EXPLAIN ${text}`, [list, Buffer.alloc(0)]);
        expect(plan).toMatchObject([{ table: "asked" }, { table: "k", type: "eq_ref", key: "PRIMARY" }]);
      }
    };
    await expectLookups();
    await pool.query(
      `INSERT INTO once_again_keys SELECT 'acme', CONCAT('key ', seq), 'running', 'f', 'me', 1, 0, 0, '{}', NULL, 0, 0
       FROM seq_1_to_30000`,
    );
    await pool.query("ANALYZE TABLE once_again_keys");
    await expectLookups();
  });
});
