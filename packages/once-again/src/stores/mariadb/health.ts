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
  const [settings] = (await query(
    `SELECT version, @@read_only AS read_only, @@innodb_flush_log_at_trx_commit AS flush,
      (SELECT 1 FROM ${tableName(prefix, "keys")} WHERE false), (SELECT 1 FROM ${tableName(prefix, "marks")} WHERE false)
      FROM ${tableName(prefix, "schema")}`,
  ).catch((error: unknown) => {
    if (errorNumber(error) === noSuchTable) return [];
    throw error;
  })) as Settings[];
  if (settings === undefined) return [schemaProblem(undefined, schemaVersion)];
  return [
    ...(settings.version >= schemaVersion ? [] : [schemaProblem(settings.version, schemaVersion)]),
    ...(settings.read_only === 1 ? ["This server only reads: connect to the primary."] : []),
    ...(settings.flush === 1
      ? []
      : ["innodb_flush_log_at_trx_commit is not 1, so that a crash forgets keys that were acknowledged: set it to 1."]),
  ];
}
