import { markAnswer, type MarkRow, markStatement } from "../sql/marks.ts";
import { tableName } from "../sql/names.ts";
import { notMigratedError } from "../sql/not-migrated-error.ts";
import type { MarkAnswer, MarkRequest } from "../store.ts";
import { type MysqlConnection, mysqlQuery } from "./client.ts";
import { errorNumber, lockWaitTimeout, noSuchTable } from "./errors.ts";
import { namedBy } from "./leased-operations.ts";
import { waitingFor } from "./statements.ts";

/** Moves marks within a transaction, in one statement. */
export function markMover(
  prefix: string,
  busyMsMax: number,
): (transaction: MysqlConnection, request: MarkRequest) => Promise<MarkAnswer> {
  const moved = markStatement(tableName(prefix, "marks"), {
    onConflict: "ON DUPLICATE KEY UPDATE",
    given: (column) => `VALUES(${column})`,
    parameters: "?, ?, ?, ?, ?",
    key: "`key`",
  });
  const statement = waitingFor(Math.ceil(busyMsMax / 1000), moved);
  return async (transaction, request) => {
    const mover = crypto.randomUUID();
    const values = [...namedBy(request), request.position, request.storedAt ?? null, Buffer.from(mover)];
    try {
      const [row] = (await mysqlQuery(transaction)(statement, values)) as [MarkRow & { mover: Buffer }];
      return markAnswer({ ...row, mover: row.mover.toString() }, mover);
    } catch (error) {
      if (errorNumber(error) === lockWaitTimeout) return { kind: "locked" };
      throw errorNumber(error) === noSuchTable ? notMigratedError("MariaDB", error) : error;
    }
  };
}
