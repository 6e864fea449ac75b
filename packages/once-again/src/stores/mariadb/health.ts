import { tableName } from "../sql/names.ts";
import type { MysqlQuery } from "./client.ts";
import { errorNumber, unavailableError } from "./errors.ts";
import { schemaVersion } from "./schema.ts";

interface Health {
  version: number;
  read_only: number;
  flush: number;
}

/** @throws OnceAgainError `ONCE_STORE_UNAVAILABLE` with what is wrong. */
export async function checkHealth(query: MysqlQuery, prefix: string): Promise<void> {
  const [health] = (await query(
    `SELECT version, @@read_only AS read_only, @@innodb_flush_log_at_trx_commit AS flush
      FROM ${tableName(prefix, "schema")}`,
  ).catch((error: unknown) => {
    // ER_NO_SUCH_TABLE
    throw unavailableError(
      errorNumber(error) === 1146 ? "its tables are not there: run migrate()" : "no answer",
      error,
    );
  })) as [Health];
  if (health.version !== schemaVersion) {
    throw unavailableError(`its tables are of version ${health.version}, not ${schemaVersion}: run migrate()`);
  }
  if (health.read_only === 1) throw unavailableError("this server only reads: connect to the primary");
  if (health.flush !== 1) {
    throw unavailableError(
      "innodb_flush_log_at_trx_commit is not 1, so that a crash forgets keys that were acknowledged",
    );
  }
}
