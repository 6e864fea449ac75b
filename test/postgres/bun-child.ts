/** Runs the contract in Bun, through its own client of PostgreSQL, and prints which cases failed. */
import { openEngine } from "../../packages/once-again/src/engine/open-engine.ts";
import { postgresStore } from "../../packages/once-again/src/stores/postgres/index.ts";
import { storeContract } from "../../packages/testing/src/store-contract/store-contract.ts";

interface BunSql {
  end(): Promise<void>;
}
const { SQL } = (globalThis as unknown as { Bun: { SQL: new (options: object) => BunSql } }).Bun;

const pools: BunSql[] = [];
const open = async (records: string) => {
  const sql = new SQL({ url: process.argv[2], max: 2 });
  pools.push(sql);
  const store = postgresStore(sql as unknown as Parameters<typeof postgresStore>[0], { tablePrefix: `${records}_` });
  await store.migrate();
  return store;
};

let passed = 0;
const failed: string[] = [];
for (const { name, run } of storeContract({ open })) {
  if (name.includes("in any history")) continue;
  try {
    await run();
    passed += 1;
  } catch (error) {
    failed.push(`${name}: ${String(error)}`);
  }
  await Promise.all(pools.splice(0).map((sql) => sql.end()));
}
const sql = new SQL({ url: process.argv[2], max: 2 });
const store = postgresStore(sql as unknown as Parameters<typeof postgresStore>[0]);
let refusal: unknown;
try {
  openEngine({ store, mode: "transactional" });
} catch (error) {
  refusal = String(error);
}
process.stdout.write(JSON.stringify({ passed, failed, refusal }));
process.exit();
