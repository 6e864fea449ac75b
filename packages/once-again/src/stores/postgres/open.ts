import type {
  PgConnection,
  PgPool,
  PostgresConnection,
  PostgresJsConnection,
  PostgresJsPool,
  PostgresPool,
} from "./client.ts";
import type { Store } from "../store.ts";
import type { MigratableOutbox } from "../kit.ts";
import { takeParameter } from "../opening.ts";
import { connectionsMax } from "../opening.ts";
import type { Drivers, StoreUse } from "../kit.ts";

/** The part of `pg` that we use. */
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

/** The part of `postgres` that we use. */
type PostgresJs = (
  url: string,
  options: { max: number; connect_timeout: number },
) => PostgresJsPool<PostgresJsConnection> & { end(): Promise<void> };

/** How long the server may take to accept a connection, seconds. */
const connectSecondsMax = 10;

/** Opens the store in a PostgreSQL that has its tables: `postgres://…?tablePrefix=shop_`. */
export async function openPostgres(url: URL, use: StoreUse, drivers: Drivers): Promise<Store> {
  const { postgresStore } = await import("./index.ts");
  const { pool, options, close } = connect(url, use, drivers);
  // It has a signature for each kind of pool, and none for either.
  return { ...postgresStore(pool as PgPool<PgConnection>, options), close };
}

/** Opens the outbox there. */
export async function openPostgresOutbox(url: URL, _use: StoreUse, drivers: Drivers): Promise<MigratableOutbox> {
  const { postgresOutbox } = await import("./index.ts");
  const { pool, options, close } = connect(url, "command", drivers);
  return { ...postgresOutbox(pool, options), close };
}

interface Connected {
  readonly pool: PostgresPool<PostgresConnection>;
  readonly options: { readonly tablePrefix?: string };
  readonly close: () => Promise<void>;
}

function connect(url: URL, use: StoreUse, drivers: Drivers): Connected {
  const tablePrefix = takeParameter(url, "tablePrefix");
  const options = tablePrefix === undefined ? {} : { tablePrefix };
  const { name, module } = drivers.one("PostgreSQL", ["pg", "postgres"]);
  if (name === "postgres") {
    const sql = (module as PostgresJs)(url.href, { max: connectionsMax[use], connect_timeout: connectSecondsMax });
    return { pool: sql, options, close: () => sql.end() };
  }
  const { Pool } = module as Pg;
  const pool = new Pool({
    connectionString: url.href,
    max: connectionsMax[use],
    connectionTimeoutMillis: connectSecondsMax * 1000,
  });
  // An idle connection broke; the next query fails with the reason.
  pool.on("error", () => undefined);
  return { pool, options, close: () => pool.end() };
}
