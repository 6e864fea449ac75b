import { tableName } from "../sql/names.ts";
import type { PostgresQuery } from "./client.ts";
import { sqlState, unavailableError } from "./errors.ts";
import { schemaVersion } from "./schema.ts";

interface Health {
  version: number;
  read_only: string;
  synchronous_commit: string;
}

/** @throws OnceAgainError `ONCE_STORE_UNAVAILABLE` with what is wrong. */
export async function checkHealth(query: PostgresQuery, prefix: string): Promise<void> {
  const [health] = (await query(
    `SELECT version, current_setting('transaction_read_only') AS read_only,
      current_setting('synchronous_commit') AS synchronous_commit FROM ${tableName(prefix, "schema")}`,
  ).catch((error: unknown) => {
    // undefined_table
    throw unavailableError(
      sqlState(error) === "42P01" ? "its tables are not there: run migrate()" : "no answer",
      error,
    );
  })) as Health[];
  if (health?.version !== schemaVersion) {
    throw unavailableError(`its tables are of version ${health?.version}, not ${schemaVersion}: run migrate()`);
  }
  if (health.read_only === "on") throw unavailableError("this server only reads: connect to the primary");
  if (health.synchronous_commit === "off") {
    throw unavailableError("synchronous_commit is off, so that a crash forgets keys that were acknowledged");
  }
}
