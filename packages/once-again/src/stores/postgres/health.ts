import { schemaProblem, tableName } from "../sql/names.ts";
import type { PostgresQuery } from "./client.ts";
import { sqlState } from "./errors.ts";
import { schemaVersion } from "./schema.ts";

interface Settings {
  version: number;
  read_only: string;
  synchronous_commit: string;
  is_missing: boolean;
}

/** Problems that prevent operations, or that let a crash forget them: one sentence each. */
export async function postgresProblems(query: PostgresQuery, prefix: string): Promise<string[]> {
  const [settings] = (await query(
    `SELECT version, current_setting('transaction_read_only') AS read_only,
      current_setting('synchronous_commit') AS synchronous_commit,
      to_regclass('${tableName(prefix, "keys")}') IS NULL OR to_regclass('${tableName(prefix, "marks")}') IS NULL AS is_missing
      FROM ${tableName(prefix, "schema")}`,
  ).catch((error: unknown) => {
    // undefined_table
    if (sqlState(error) === "42P01") return [];
    throw error;
  })) as Settings[];
  if (settings === undefined || settings.is_missing) return [schemaProblem(undefined, schemaVersion)];
  return [
    ...(settings.version >= schemaVersion ? [] : [schemaProblem(settings.version, schemaVersion)]),
    ...(settings.read_only === "on" ? ["This server only reads: connect to the primary."] : []),
    ...(settings.synchronous_commit === "off"
      ? ["synchronous_commit is off, so that a crash forgets keys that were acknowledged: set it to on."]
      : []),
  ];
}
