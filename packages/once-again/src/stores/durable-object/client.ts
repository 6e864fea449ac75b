/** The parts of Cloudflare's own types that we use: those of `@cloudflare/workers-types` and of `wrangler types` fit. */

/** The SQL of a Durable Object, `ctx.storage.sql`. */
export interface ObjectSql {
  /** Executes one statement; `?` stands for a value. */
  exec(text: string, ...values: unknown[]): ObjectRows;
}

/** The rows of a statement. */
export interface ObjectRows {
  toArray(): Record<string, unknown>[];
  /** The one row. @throws unless there is exactly one. */
  one(): Record<string, unknown>;
}

/** The storage of a Durable Object, `ctx.storage`. */
export interface ObjectStorage {
  readonly sql: ObjectSql;
  transactionSync<Value>(work: () => Value): Value;
  getAlarm(): Promise<number | null>;
  setAlarm(at: number): Promise<void>;
}

/** The binding of a class of Durable Objects, such as `env.ONCE`. */
export interface ObjectNamespace {
  idFromName(name: string): unknown;
  get(id: never): unknown;
}
