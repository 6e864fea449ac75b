import type { RowDataPacket } from "mysql2/promise";
import { expect, test } from "vitest";
import { type BatchGround, batchRules } from "../../../../../test/support/batches.ts";
import { databases, mariadbPool } from "../../../../../test/mariadb/databases.ts";
import { cutProxy } from "../../../../../test/support/servers/cut-proxy.ts";
import { describeWithServer } from "../../../../../test/support/servers/describe-with-server.ts";
import { mariadbBinary } from "../../../../../test/support/servers/mariadb.ts";
import { mariadbStore } from "./index.ts";
import { mariadbStatements } from "./statements.ts";

const columns =
  "(scope, `key`, state, fingerprint, owner, attempt, fence, lease_until, checkpoints, created_at, expires_at)";

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
          `INSERT INTO once_again_keys ${columns} VALUES ('acme', ?, 'running', '', '', 1, 0, 0, '{}', 0, 0)
           ON DUPLICATE KEY UPDATE owner = owner`,
          [key],
        );
        return async () => {
          await connection.query("ROLLBACK");
          connection.release();
        };
      },
      deadlocks: async () => (await deadlocks()) - before,
      // A batch waits for no lock, but a claim that was refused with its batch waits alone. On a busy machine 5 were seen once.
      deadlocksMax: 36,
    };
    await rule(ground);
  });

  test("look each row up by the index", async () => {
    const pool = mariadbPool(await create(), { connectionLimit: 1 });
    await mariadbStore(pool).migrate();
    const { complete, renew } = mariadbStatements("once_again_");
    const expectLookups = async (): Promise<void> => {
      for (const count of [1, 2, 100]) {
        const names = Array.from({ length: count }, (_, index) => ["acme", `key ${index + 1}`]);
        const owned = names.flatMap((name) => [...name, "me"]);
        const results = names.flatMap((name) => [...name, Buffer.alloc(1)]);
        for (const { text, values } of [
          { text: complete(count), values: [1000, ...results, ...owned] },
          { text: renew(count), values: [1000, ...owned] },
        ]) {
          const [plan] = await pool.query<RowDataPacket[]>(`EXPLAIN ${text}`, values);
          expect(plan).toMatchObject([{ table: "once_again_keys", type: "range", key: "PRIMARY" }]);
          expect(Number(plan[0]!["rows"])).toBeLessThanOrEqual(count);
        }
      }
    };
    await expectLookups();
    await pool.query(
      `INSERT INTO once_again_keys ${columns} SELECT 'acme', CONCAT('key ', seq), 'running', 'f', 'me', 1, 0, 0, '{}', 0, 0
       FROM seq_1_to_30000`,
    );
    await pool.query("ANALYZE TABLE once_again_keys");
    await expectLookups();
  });
});
