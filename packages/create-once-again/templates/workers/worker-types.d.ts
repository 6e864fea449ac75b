/** The parts of Cloudflare's types that this project uses. `npx wrangler types` writes all of them: then delete this file. */
declare module "cloudflare:workers" {
  export abstract class DurableObject {
    constructor(state: unknown, env: unknown);
  }
  export const env: {
    readonly DB: D1Database;
    readonly ONCE: DurableObjectNamespace;
    /** For kill.ts alone. */
    readonly DIE_AFTER_CHARGE?: string;
  };
}

interface D1PreparedStatement {
  bind(...values: unknown[]): D1PreparedStatement;
  first<Row>(): Promise<Row | null>;
  run(): Promise<{ readonly results: unknown[] }>;
}

interface D1Database {
  prepare(text: string): D1PreparedStatement;
  batch(statements: D1PreparedStatement[]): Promise<{ readonly results: unknown[] }[]>;
}

interface DurableObjectNamespace {
  idFromName(name: string): object;
  get(id: object): unknown;
}

interface ExecutionContext {
  waitUntil(promise: Promise<unknown>): void;
}
