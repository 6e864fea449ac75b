import postgres from "postgres";
import { onTestFinished } from "vitest";
import { postgresStore } from "../../packages/once-again/src/stores/postgres/index.ts";
import type { PostgresStoreOptions } from "../../packages/once-again/src/stores/postgres/store.ts";
import { pgPool } from "./databases.ts";

/** A database with a table of effects, and a store in it through each driver, until the running test ends. */
export async function storesWithEffects(url: string, options: PostgresStoreOptions = {}) {
  const pool = pgPool(url, { max: 3 });
  const sql = postgres(url, { max: 3, onnotice: () => undefined });
  onTestFinished(() => sql.end({ timeout: 1 }));
  await pool.query("CREATE TABLE effects (name text NOT NULL)");
  const stores = { pg: postgresStore(pool, options), postgres: postgresStore(sql, options) };
  await stores.pg.migrate();
  const effects = async () =>
    (await pool.query<{ name: string }>("SELECT name FROM effects ORDER BY name")).rows.map(({ name }) => name);
  return { pool, sql, stores, effects };
}
