/** The parts of Cloudflare's own types that we use: those of `@cloudflare/workers-types` and of `wrangler types` fit. */

/** A statement of D1. */
export interface D1Statement {
  bind(...values: unknown[]): D1Statement;
}

/** The result of one statement of D1. */
export interface D1Result {
  readonly results?: readonly unknown[] | undefined;
}

/** The binding of a database of D1, such as `env.DB`. */
export interface D1Binding {
  prepare(text: string): D1Statement;
  /** Executes statements in one transaction. */
  batch(statements: never[]): Promise<readonly D1Result[]>;
}
