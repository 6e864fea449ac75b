import type { SQLOutputValue, StatementColumnMetadata, StatementResultingChanges, StatementSync } from "node:sqlite";
import type { SqliteGuard } from "./sqlite-guard.ts";

/**
 * A BEGIN, COMMIT, ROLLBACK or SAVEPOINT that a handler prepared. What it stands for is known when it is run: some
 * prepare all of them in advance.
 */
export class ControlStatement implements StatementSync {
  readonly sourceSQL: string;
  readonly #guard: SqliteGuard;

  constructor(guard: SqliteGuard, sql: string) {
    this.sourceSQL = sql;
    this.#guard = guard;
  }

  get expandedSQL(): string {
    return this.sourceSQL;
  }

  run(): StatementResultingChanges {
    this.#guard.exec(this.sourceSQL);
    return { changes: 0, lastInsertRowid: 0 };
  }

  get(): undefined {
    this.#guard.exec(this.sourceSQL);
  }

  all(): Record<string, SQLOutputValue>[] {
    this.#guard.exec(this.sourceSQL);
    return [];
  }

  iterate(): NodeJS.Iterator<Record<string, SQLOutputValue>> {
    return this.all().values() as NodeJS.Iterator<Record<string, SQLOutputValue>>;
  }

  columns(): StatementColumnMetadata[] {
    return [];
  }

  // Of what these set, a statement without values and rows has no use.
  setAllowBareNamedParameters(): void {}
  setAllowUnknownNamedParameters(): void {}
  setReadBigInts(): void {}
  setReturnArrays(): void {}
}
