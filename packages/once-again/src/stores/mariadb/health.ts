import { schemaProblem, tableName } from "../sql/names.ts";
import type { MysqlQuery } from "./client.ts";
import { errorNumber, noSuchTable } from "./errors.ts";
import { schemaVersion } from "./schema.ts";

interface Settings {
  version: number;
  read_only: number;
  flush: number;
}

/** Problems that prevent operations, or that let a crash forget them: one sentence each. */
export async function mariadbProblems(query: MysqlQuery, prefix: string): Promise<string[]> {
  /** A table that we may not read is there. */
  const isMissing = (table: string): Promise<boolean> =>
    query(`SELECT 1 FROM ${tableName(prefix, table)} WHERE false`).then(
      () => false,
      (error: unknown) => errorNumber(error) === noSuchTable,
    );
  const [settings] = (await query(
    `SELECT version, @@read_only AS read_only, @@innodb_flush_log_at_trx_commit AS flush
      FROM ${tableName(prefix, "schema")}`,
  ).catch((error: unknown) => {
    if (errorNumber(error) === noSuchTable) return [];
    throw error;
  })) as Settings[];
  if (settings === undefined || (await isMissing("keys")) || (await isMissing("marks")))
    return [schemaProblem(undefined, schemaVersion)];
  return [
    ...(settings.version >= schemaVersion ? [] : [schemaProblem(settings.version, schemaVersion)]),
    ...(settings.read_only === 1 ? ["This server only reads: connect to the primary."] : []),
    ...(settings.flush === 1
      ? []
      : ["innodb_flush_log_at_trx_commit is not 1, so that a crash forgets keys that were acknowledged: set it to 1."]),
  ];
}
