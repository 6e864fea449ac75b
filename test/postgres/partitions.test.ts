import { expect, test } from "vitest";
import { postgresStore } from "../../packages/once-again/src/stores/postgres/index.ts";
import { storeContract } from "../../packages/testing/src/store-contract/store-contract.ts";
import { fakeClock } from "../../packages/testing/src/fake-clock.ts";
import { longClaim } from "../support/long-claim.ts";
import { describeWithServer } from "../support/servers/describe-with-server.ts";
import { postgresBinary } from "../support/servers/postgres.ts";
import { onClock } from "../kits/stores/postgres/on-clock.ts";
import { databases, pgPool } from "./databases.ts";

const partitions = 8;

/** The schema with its table of keys in partitions, as docs/guides/scaling.md says. */
function partitioned(schemaSql: string, keys: string): string {
  const table = schemaSql.replace(/\) WITH \(([^)]*)\);/, ") PARTITION BY HASH (scope, key);");
  const parts = Array.from(
    { length: partitions },
    (_, part) =>
      `CREATE TABLE IF NOT EXISTS ${keys}_${part} PARTITION OF ${keys} FOR VALUES WITH (MODULUS ${partitions}, REMAINDER ${part})
        WITH (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.02);`,
  );
  return table + parts.join("\n");
}

describeWithServer("a PostgreSQL store with its keys in partitions by hash", postgresBinary, () => {
  const { server, create } = databases();
  const clock = fakeClock(1_700_000_000_000);

  const open = async (records: string) => {
    const pool = pgPool(server().url);
    const store = onClock(pool, clock, { tablePrefix: `${records}_` });
    await pool.query(partitioned(store.schemaSql, `${records}_keys`));
    await store.migrate();
    return store;
  };
  for (const { name, run } of storeContract({ open, clock })) test(name, run);

  test("purges what is expired, and nothing that is in the same place of another partition", async () => {
    const pool = pgPool(await create());
    const store = postgresStore(pool);
    await pool.query(partitioned(store.schemaSql, "once_again_keys"));
    await store.migrate();
    for (let number = 0; number < 100; number += 1) await store.claim(longClaim(`key ${number}`));
    await pool.query("UPDATE once_again_keys SET expires_at = 1, lease_until = 1 WHERE key LIKE '%7'");
    expect(await store.purge({ limit: 1000 })).toBe(10);
    const { rows } = await pool.query(
      "SELECT count(*)::int AS left, count(DISTINCT tableoid)::int AS used FROM once_again_keys",
    );
    expect(rows).toEqual([{ left: 90, used: partitions }]);
  });
});
