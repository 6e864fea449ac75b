import { DatabaseSync } from "node:sqlite";
import { moveMark } from "../../../../packages/once-again/src/stores/sqlite/transact.ts";
import { schema } from "../../../../packages/once-again/src/stores/sqlite/schema.ts";
import type { MarkAnswer } from "../../../../packages/once-again/src/stores/store.ts";

/** The store's rules for the mark of the one partition that there is. */
export interface MarkRules {
  /** The answer to a process that would move the mark, and where the mark is then. */
  move(mark: number | undefined, position: number): { readonly answer: MarkAnswer; readonly mark: number };
}

const name = { scope: "c", key: "p" };

/** The statement of the marks in SQLite, as it is, on a table in memory. What it answered once is remembered. */
export function sqliteMarks(): MarkRules {
  const database = new DatabaseSync(":memory:");
  database.exec(schema);
  const read = database.prepare("SELECT position FROM once_again_marks");
  const known = new Map<string, ReturnType<MarkRules["move"]>>();
  return {
    move(mark, position) {
      const asked = `${mark} ${position}`;
      const before = known.get(asked);
      if (before !== undefined) return before;
      database.exec("DELETE FROM once_again_marks");
      if (mark !== undefined) moveMark(database, { ...name, position: mark });
      const answer = moveMark(database, { ...name, position });
      const moved = { answer, mark: Number(read.get()!["position"]) };
      known.set(asked, moved);
      return moved;
    },
  };
}
