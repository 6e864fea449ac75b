import { expect, test } from "vitest";
import { mariadbStore } from "../../packages/once-again/src/stores/mariadb/index.ts";
import { expectUpgraded } from "../support/expect-upgraded.ts";
import { longClaim } from "../support/long-claim.ts";
import { describeWithServer } from "../support/servers/describe-with-server.ts";
import { mariadbBinary } from "../support/servers/mariadb.ts";
import { databases, mariadbPool } from "./databases.ts";

/** The tables as 0.1.0 made them (version 2). Do not adapt them to the code. */
const tables = [
  `CREATE TABLE once_again_keys (
    scope varbinary(1024) NOT NULL, \`key\` varbinary(1024) NOT NULL, state enum('running', 'done') NOT NULL,
    fingerprint varbinary(4096) NOT NULL, owner varbinary(255) NOT NULL, attempt int NOT NULL, fence bigint NOT NULL,
    lease_until bigint NOT NULL, checkpoints longtext NOT NULL, result longblob, created_at bigint NOT NULL,
    expires_at bigint NOT NULL, PRIMARY KEY (scope, \`key\`), KEY once_again_keys_expiry (expires_at)
  ) ENGINE = InnoDB ROW_FORMAT = DYNAMIC DEFAULT CHARACTER SET utf8mb4`,
  "CREATE TABLE once_again_schema (id int PRIMARY KEY, version int NOT NULL) ENGINE = InnoDB",
  "INSERT INTO once_again_schema VALUES (1, 2)",
];

describeWithServer("tables of MariaDB that 0.1.0 made", mariadbBinary, () => {
  const { create } = databases();

  test("are brought up to date by any number of processes, and what ran in them no longer expires", async () => {
    const url = await create();
    const pool = mariadbPool(url);
    for (const statement of tables) await pool.query(statement);
    const store = mariadbStore(pool);
    await expectUpgraded(
      store,
      (statement) => pool.query(statement),
      () => Promise.all(Array.from({ length: 8 }, () => mariadbStore(mariadbPool(url)).migrate())),
      "`key`",
    );
    // To migrate again holds nothing that its claim does not: a record with a heldRetentionMs still expires.
    await store.claim(longClaim("brief", { heldRetentionMs: 60_000 }));
    await store.migrate();
    expect((await store.inspect(longClaim("brief")))?.record.expiresAt).toBeLessThan(4_000_000_000_000);
  });
});
