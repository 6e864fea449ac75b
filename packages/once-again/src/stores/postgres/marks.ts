import { markAnswer, type MarkRow, markStatement, onConflict } from "../sql/marks.ts";
import { storedName, tableName } from "../sql/names.ts";
import type { MarkAnswer, MarkRequest } from "../store.ts";
import { type PostgresClient, postgresQuery } from "./client.ts";
import { sqlState } from "./errors.ts";
import { explainErrors } from "./explain-errors.ts";

/** Moves marks within a transaction, in one statement, which waits for another's lock as long as the transaction does. */
export function markMover(
  prefix: string,
  prepare: boolean,
): (transaction: PostgresClient, request: MarkRequest) => Promise<MarkAnswer> {
  const statement = markStatement(tableName(prefix, "marks"), {
    onConflict,
    given: (column) => `excluded.${column}`,
    parameters: "$1::text, $2::text, $3::bigint, $4::bigint, $5::text",
    key: "key",
  });
  return async (transaction, request) => {
    const { scope, key } = storedName(request);
    const mover = crypto.randomUUID();
    const values = [scope, key, request.position, request.storedAt ?? null, mover];
    try {
      const [row] = await explainErrors(postgresQuery(transaction, prepare))(statement, values);
      return markAnswer(row as MarkRow, mover);
    } catch (error) {
      // lock_not_available
      if (sqlState(error) === "55P03") return { kind: "locked" };
      throw error;
    }
  };
}
