import type { MarkAnswer } from "../store.ts";

/** How a database says that a row is there already, and what was to be inserted. */
export interface MarkDialect {
  readonly onConflict: string;
  /** The value that was to be inserted into a column. */
  readonly given: (column: string) => string;
  /** The five parameters: scope, key, position, time, mover. */
  readonly parameters: string;
  readonly key: string;
}

/** The columns that a mark moves: MariaDB assigns from left to right, so that what decides comes last. */
const columns = ["mover", "stored_at", "position"];

/** Moves a mark, unless it is there already or further, and answers with the row as it then is. */
export function markStatement(marks: string, { onConflict, given, parameters, key }: MarkDialect): string {
  const stored = (column: string): string => `${marks}.${column}`;
  const isMoved = `${stored("position")} < ${given("position")}`;
  const moved = columns.map(
    (column) => `${column} = CASE WHEN ${isMoved} THEN ${given(column)} ELSE ${stored(column)} END`,
  );
  return `INSERT INTO ${marks} (scope, ${key}, position, stored_at, mover) VALUES (${parameters})
    ${onConflict} ${moved.join(", ")} RETURNING position, stored_at, mover`;
}

/** As PostgreSQL and SQLite say it. */
export const onConflict = "ON CONFLICT (scope, key) DO UPDATE SET";

/** The database's answer to the statement that moves a mark. */
export interface MarkRow {
  position: number | string;
  stored_at: number | string | null;
  mover: string;
}

/** @param mover the token of this request, which no other has. */
export function markAnswer({ position, stored_at: storedAt, mover: last }: MarkRow, mover: string): MarkAnswer {
  if (last === mover) return { kind: "moved" };
  return { kind: "behind", position: Number(position), storedAt: storedAt === null ? undefined : Number(storedAt) };
}
