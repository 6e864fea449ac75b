import type {
  SQLInputValue,
  SQLOutputValue,
  StatementColumnMetadata,
  StatementResultingChanges,
  StatementSync,
} from "node:sqlite";
import { GuardedRows } from "./guarded-rows.ts";
import type { SqliteGuard } from "./sqlite-guard.ts";

type Row = Record<string, SQLOutputValue>;

/** What a method of a statement takes: values by name, or by place. */
type Values = [first?: SQLInputValue | Record<string, SQLInputValue>, ...others: SQLInputValue[]];

/** A statement of a handler: as good as its transaction, and no longer. */
export class GuardedStatement implements StatementSync {
  readonly #guard: SqliteGuard;
  readonly #statement: StatementSync;

  constructor(guard: SqliteGuard, statement: StatementSync) {
    this.#guard = guard;
    this.#statement = statement;
  }

  get sourceSQL(): string {
    return this.#alive().sourceSQL;
  }

  get expandedSQL(): string {
    return this.#alive().expandedSQL;
  }

  run(...values: Values): StatementResultingChanges {
    const statement = this.#alive();
    let hasFailed = true;
    try {
      const changes = statement.run(...(values as SQLInputValue[]));
      hasFailed = false;
      return changes;
    } finally {
      this.#guard.leave(hasFailed);
    }
  }

  get(...values: Values): Row | undefined {
    const statement = this.#alive();
    let hasFailed = true;
    try {
      const row = statement.get(...(values as SQLInputValue[]));
      hasFailed = false;
      return row;
    } finally {
      this.#guard.leave(hasFailed);
    }
  }

  all(...values: Values): Row[] {
    const statement = this.#alive();
    let hasFailed = true;
    try {
      const rows = statement.all(...(values as SQLInputValue[]));
      hasFailed = false;
      return rows;
    } finally {
      this.#guard.leave(hasFailed);
    }
  }

  iterate(...values: Values): NodeJS.Iterator<Row> {
    return new GuardedRows(this.#guard, this.#alive().iterate(...(values as SQLInputValue[])));
  }

  columns(): StatementColumnMetadata[] {
    return this.#alive().columns();
  }

  setAllowBareNamedParameters(enabled: boolean): void {
    this.#alive().setAllowBareNamedParameters(enabled);
  }

  setAllowUnknownNamedParameters(enabled: boolean): void {
    this.#alive().setAllowUnknownNamedParameters(enabled);
  }

  setReadBigInts(enabled: boolean): void {
    this.#alive().setReadBigInts(enabled);
  }

  setReturnArrays(enabled: boolean): void {
    this.#alive().setReturnArrays(enabled);
  }

  #alive(): StatementSync {
    this.#guard.enter();
    return this.#statement;
  }
}
