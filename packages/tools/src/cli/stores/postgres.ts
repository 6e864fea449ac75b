import type { PgConnection, PgPool, PostgresJsConnection, PostgresJsPool } from "once-again/stores/postgres";
import type { Store } from "once-again/stores";
import { loadDriver } from "./driver.ts";
import { takeParameter } from "./parameters.ts";

/** What we use of `pg`. */
interface Pg {
  Pool: new (config: {
    connectionString: string;
    max: number;
    connectionTimeoutMillis: number;
  }) => PgPool<PgConnection> & {
    on(event: "error", listener: () => void): unknown;
    end(): Promise<void>;
  };
}

/** What we use of `postgres`. */
type PostgresJs = (
  url: string,
  options: { max: number; connect_timeout: number },
) => PostgresJsPool<PostgresJsConnection> & { end(): Promise<void> };

/** How long the server may take to accept a connection, seconds. */
const connectSecondsMax = 10;

/** Opens the store in a PostgreSQL that has its tables: `postgres://…?tablePrefix=shop_`. */
export async function openPostgres(url: URL): Promise<Store> {
  const tablePrefix = takeParameter(url, "tablePrefix");
  const options = tablePrefix === undefined ? {} : { tablePrefix };
  const { name, module } = loadDriver("PostgreSQL", ["pg", "postgres"]);
  const { postgresStore } = await import("once-again/stores/postgres");
  if (name === "postgres") {
    const sql = (module as PostgresJs)(url.href, { max: 1, connect_timeout: connectSecondsMax });
    return { ...postgresStore(sql, options), close: () => sql.end() };
  }
  const { Pool } = module as Pg;
  const pool = new Pool({
    connectionString: url.href,
    max: 1,
    connectionTimeoutMillis: connectSecondsMax * 1000,
  });
  // An idle connection broke; the next query fails with the reason.
  pool.on("error", () => undefined);
  return { ...postgresStore(pool, options), close: () => pool.end() };
}
