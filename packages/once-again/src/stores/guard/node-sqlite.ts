import type {
  AggregateOptions,
  ApplyChangesetOptions,
  CreateSessionOptions,
  DatabaseLimits,
  DatabaseSync,
  FunctionOptions,
  PrepareOptions,
  Session,
  SQLInputValue,
  SQLOutputValue,
  SQLTagStore,
  StatementColumnMetadata,
  StatementResultingChanges,
  StatementSync,
} from "node:sqlite";
import { DatabaseSync as NodeDatabase } from "./database-sync.ts";
import { OnceAgainError } from "../../core/errors.ts";
import type { OnLateUse } from "../store.ts";
import { TransactionGuard } from "./guard.ts";
import { transactionControls } from "./sql-control.ts";

/** A thing that a handler may leave open on the connection, such as rows that it has not read to their end. */
export interface Closable {
  close(): void;
}

/** Stands between the connection and whatever a handler holds of it: a transaction, its statements and their rows. */
export class SqliteGuard extends TransactionGuard {
  readonly database: DatabaseSync;
  readonly #open = new Set<Closable>();
  #isRolledBack = false;

  constructor(database: DatabaseSync, onLateUse: OnLateUse | undefined) {
    super("sqlite", undefined, onLateUse);
    this.database = database;
  }

  /** Whether SQLite rolled the transaction back over a failure. Nothing was executed after that. */
  get isRolledBack(): boolean {
    return this.#isRolledBack;
  }

  /**
   * @throws OnceAgainError `ONCE_OPERATION_ENDED` after the end; `ONCE_HANDLER_FAILED` when SQLite has rolled the
   *   transaction back, since what came after would be committed by itself.
   */
  override enter(): void {
    super.enter();
    if (this.database.isTransaction) return;
    throw new OnceAgainError(
      "ONCE_HANDLER_FAILED",
      "The statement was not sent: the transaction is over, as SQLite rolls it back after some failures. Let errors of " +
        "statements through.",
    );
  }

  /** Uses the connection, and looks whether a use that failed took the transaction with it. */
  carryOut<Value>(use: () => Value): Value {
    try {
      return use();
    } catch (error) {
      if (!this.database.isTransaction) this.#isRolledBack = true;
      throw error;
    }
  }

  /** Carries a text out. The handler's own BEGIN, COMMIT and ROLLBACK are savepoints. */
  exec(text: string): void {
    this.enter();
    const instead = this.judge(text);
    if (instead === undefined) return this.#send(text);
    for (const part of instead.texts) this.#send(part);
    this.depth = instead.depth;
  }

  /** Closes something of the handler's when the operation ends, unless it was closed before. */
  keep(closable: Closable): void {
    this.#open.add(closable);
  }

  forget(closable: Closable): void {
    this.#open.delete(closable);
  }

  /** From now on every use is refused. Rows under way would keep the transaction from its end. */
  override end(): void {
    super.end();
    for (const closable of this.#open) closable.close();
    this.#open.clear();
  }

  #send(text: string): void {
    // Of several statements, one may have ended the transaction before another failed.
    if (text.includes(";")) this.database.exec(text);
    else this.carryOut(() => this.database.exec(text));
  }
}

type Row = Record<string, SQLOutputValue>;

type SqlFunction = (...values: SQLOutputValue[]) => SQLInputValue;

/**
 * The handler's view of the store's connection: a `DatabaseSync` as long as the operation lasts, and of no use
 * afterwards. A real one can be neither proxied nor taken back.
 */
export class SqliteTransaction implements DatabaseSync {
  readonly #guard: SqliteGuard;

  constructor(guard: SqliteGuard) {
    this.#guard = guard;
  }

  get isOpen(): boolean {
    return !this.#guard.hasEnded;
  }

  get isTransaction(): boolean {
    return !this.#guard.hasEnded && this.#guard.database.isTransaction;
  }

  get limits(): DatabaseLimits {
    return this.#alive().limits;
  }

  exec(sql: string): void {
    this.#guard.exec(sql);
  }

  prepare(sql: string, options?: PrepareOptions): StatementSync {
    const database = this.#alive();
    if (transactionControls(sql, "sqlite").length > 0) return new ControlStatement(this.#guard, sql);
    return new GuardedStatement(this.#guard, options ? database.prepare(sql, options) : database.prepare(sql));
  }

  function(name: string, options: FunctionOptions | SqlFunction, body?: SqlFunction): void {
    const database = this.#alive();
    if (typeof options === "function") database.function(name, options);
    else database.function(name, options, body!);
  }

  aggregate<Value extends SQLInputValue>(name: string, options: AggregateOptions<Value>): void {
    this.#alive().aggregate(name, options);
  }

  location(name?: string): string | null {
    const database = this.#alive();
    return name === undefined ? database.location() : database.location(name);
  }

  serialize(name?: string): NodeJS.NonSharedUint8Array {
    const database = this.#alive();
    return name === undefined ? database.serialize() : database.serialize(name);
  }

  createTagStore(sizeMax = 1000): SQLTagStore {
    this.#guard.enter();
    return new GuardedTagStore(this, sizeMax);
  }

  createSession(options?: CreateSessionOptions): Session {
    const database = this.#alive();
    return new GuardedSession(this.#guard, options ? database.createSession(options) : database.createSession());
  }

  applyChangeset(changeset: Uint8Array, options?: ApplyChangesetOptions): boolean {
    const database = this.#alive();
    return options ? database.applyChangeset(changeset, options) : database.applyChangeset(changeset);
  }

  enableLoadExtension(allow: boolean): void {
    this.#alive().enableLoadExtension(allow);
  }

  loadExtension(path: string, entryPoint?: string): void {
    const database = this.#alive();
    if (entryPoint === undefined) database.loadExtension(path);
    else database.loadExtension(path, entryPoint);
  }

  enableDefensive(active: boolean): void {
    this.#alive().enableDefensive(active);
  }

  open(): never {
    return this.#refuse("open()");
  }

  close(): never {
    return this.#refuse("close()");
  }

  [Symbol.dispose](): never {
    return this.#refuse("[Symbol.dispose]()");
  }

  deserialize(): never {
    return this.#refuse("deserialize()");
  }

  setAuthorizer(): never {
    return this.#refuse("setAuthorizer()");
  }

  #alive(): DatabaseSync {
    this.#guard.enter();
    return this.#guard.database;
  }

  #refuse(method: string): never {
    this.#guard.enter();
    throw new OnceAgainError(
      "ONCE_HANDLER_FAILED",
      `${method} was refused: the connection is the store's, and goes on after this operation. Leave it out.`,
    );
  }
}

// For code that asks whether it was given a `DatabaseSync`. Methods of a later Node that are not above throw.
Object.setPrototypeOf(SqliteTransaction.prototype, NodeDatabase.prototype);

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

/** The arguments of a statement's method: values by name, or by place. */
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
    return this.#guard.carryOut(() => statement.run(...(values as SQLInputValue[])));
  }

  get(...values: Values): Row | undefined {
    const statement = this.#alive();
    return this.#guard.carryOut(() => statement.get(...(values as SQLInputValue[])));
  }

  all(...values: Values): Row[] {
    const statement = this.#alive();
    return this.#guard.carryOut(() => statement.all(...(values as SQLInputValue[])));
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
    const next = this.#guard.carryOut(() => this.#rows.next());
    if (next.done === true) this.#guard.forget(this);
    return next;
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

/** A handler's recording of the changes that it makes. One that is left open would go on with those of others. */
export class GuardedSession implements Session, Closable {
  readonly #guard: SqliteGuard;
  readonly #session: Session;

  constructor(guard: SqliteGuard, session: Session) {
    this.#guard = guard;
    this.#session = session;
    guard.keep(this);
  }

  changeset(): NodeJS.NonSharedUint8Array {
    this.#guard.enter();
    return this.#session.changeset();
  }

  patchset(): NodeJS.NonSharedUint8Array {
    this.#guard.enter();
    return this.#session.patchset();
  }

  close(): void {
    this.#guard.forget(this);
    this.#session.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

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
