import type { SQLOutputValue } from "node:sqlite";
import type { Closable, SqliteGuard } from "./sqlite-guard.ts";

type Row = Record<string, SQLOutputValue>;

/** Rows of a handler's statement that are read one by one. */
export class GuardedRows implements IterableIterator<Row, undefined>, Closable {
  readonly #guard: SqliteGuard;
  readonly #rows: NodeJS.Iterator<Row>;

  constructor(guard: SqliteGuard, rows: NodeJS.Iterator<Row>) {
    this.#guard = guard;
    this.#rows = rows;
    guard.keep(this);
  }

  [Symbol.iterator](): this {
    return this;
  }

  next(): IteratorResult<Row, undefined> {
    this.#guard.enter();
    let hasFailed = true;
    try {
      const next = this.#rows.next();
      hasFailed = false;
      if (next.done === true) this.#guard.forget(this);
      return next;
    } finally {
      this.#guard.leave(hasFailed);
    }
  }

  return(): IteratorResult<Row, undefined> {
    if (!this.#guard.hasEnded) this.close();
    return { done: true, value: undefined };
  }

  [Symbol.dispose](): void {
    this.return();
  }

  close(): void {
    this.#guard.forget(this);
    this.#rows.return?.();
  }
}

// With `map`, `filter`, `toArray` and the others of every iterator.
Object.setPrototypeOf(GuardedRows.prototype, Object.getPrototypeOf(Object.getPrototypeOf([].values())));
