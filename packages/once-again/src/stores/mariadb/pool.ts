import { hasMethod, wrongClientError } from "../../core/duck-typing.ts";
import { invalidOptionError } from "../../core/options.ts";

/** What we use of the options of a pool of `mysql2/promise`: what changes the form of rows. */
interface RowOptions {
  readonly pool?: { readonly config?: { readonly connectionConfig?: Partial<Record<string, unknown>> } };
}

/**
 * @throws OnceAgainError `ONCE_OPTION_INVALID` for what is no pool of `mysql2/promise`, and for a pool whose rows are not
 *   objects by the names of their columns.
 */
export function checkPool(pool: unknown): void {
  const isPool = hasMethod(pool, "getConnection") && hasMethod(pool, "query");
  if (!isPool || hasMethod(pool, "promise") || hasMethod(pool, "activeConnections")) {
    throw wrongClientError("pool", "a pool of mysql2/promise", pool);
  }
  const { connectionConfig = {} } = (pool as RowOptions).pool?.config ?? {};
  for (const option of ["rowsAsArray", "nestTables"]) {
    if (!connectionConfig[option]) continue;
    const expected = "off, since the store reads columns by their names: give it a pool without";
    throw invalidOptionError(`${option} of mysql2`, expected, connectionConfig[option]);
  }
}
