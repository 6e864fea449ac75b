import type { DatabaseSync } from "node:sqlite";
import { markAnswer, type MarkRow, markStatement, onConflict } from "../sql/marks.ts";
import type { MarkAnswer, MarkRequest } from "../store.ts";

const statement = markStatement("once_again_marks", {
  onConflict,
  given: (column) => `excluded.${column}`,
  parameters: "?, ?, ?, ?, ?",
  key: "key",
});

/** Moves a mark within a transaction, which nobody else can have at the time. */
export function moveMark(transaction: DatabaseSync, { scope, key, position, storedAt }: MarkRequest): MarkAnswer {
  const mover = crypto.randomUUID();
  const row = transaction.prepare(statement).get(scope, key, position, storedAt ?? null, mover);
  return markAnswer(row as unknown as MarkRow, mover);
}
