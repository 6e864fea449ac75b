import type {
  DatabaseSync,
  SQLInputValue,
  SQLOutputValue,
  SQLTagStore,
  StatementResultingChanges,
  StatementSync,
} from "node:sqlite";

type Row = Record<string, SQLOutputValue>;

/** Statements of a handler, made of template literals, each prepared once: through its transaction, which guards them. */
export class GuardedTagStore implements SQLTagStore {
  readonly db: DatabaseSync;
  readonly capacity: number;
  readonly #statements = new Map<string, StatementSync>();

  constructor(db: DatabaseSync, capacity: number) {
    this.db = db;
    this.capacity = capacity;
  }

  get size(): number {
    return this.#statements.size;
  }

  run(parts: TemplateStringsArray, ...values: SQLInputValue[]): StatementResultingChanges {
    return this.#prepared(parts).run(...values);
  }

  get(parts: TemplateStringsArray, ...values: SQLInputValue[]): Row | undefined {
    return this.#prepared(parts).get(...values);
  }

  all(parts: TemplateStringsArray, ...values: SQLInputValue[]): Row[] {
    return this.#prepared(parts).all(...values);
  }

  iterate(parts: TemplateStringsArray, ...values: SQLInputValue[]): NodeJS.Iterator<Row> {
    return this.#prepared(parts).iterate(...values);
  }

  clear(): void {
    this.#statements.clear();
  }

  #prepared(parts: TemplateStringsArray): StatementSync {
    const sql = parts.join("?");
    const statement = this.#statements.get(sql) ?? this.db.prepare(sql);
    // Set anew, so that the first one is the one that was used longest ago.
    this.#statements.delete(sql);
    this.#statements.set(sql, statement);
    const [first] = this.#statements.keys();
    if (this.#statements.size > this.capacity && first !== undefined) this.#statements.delete(first);
    return statement;
  }
}
