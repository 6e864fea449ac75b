/** The parts of the types of `wrangler types` that the examples of Cloudflare use. */
declare module "cloudflare:workers" {
  export abstract class DurableObject<Env = unknown> {
    protected readonly ctx: DurableObjectState;
    protected readonly env: Env;
    constructor(ctx: DurableObjectState, env: Env);
  }
}

interface DurableObjectState {
  readonly storage: {
    readonly sql: { exec(text: string, ...values: unknown[]): DurableObjectRows };
    transactionSync<Value>(work: () => Value): Value;
    getAlarm(): Promise<number | null>;
    setAlarm(at: number): Promise<void>;
    sync(): Promise<void>;
  };
  abort(reason?: string): void;
}

interface DurableObjectRows {
  toArray(): Record<string, unknown>[];
  one(): Record<string, unknown>;
}

interface DurableObjectId {
  readonly name?: string;
}

interface DurableObjectNamespace<Instance = unknown> {
  idFromName(name: string): DurableObjectId;
  get(id: DurableObjectId): Instance;
}

interface ExecutionContext {
  waitUntil(promise: Promise<unknown>): void;
}

interface D1PreparedStatement {
  bind(...values: unknown[]): D1PreparedStatement;
  first<Row>(): Promise<Row | null>;
  run(): Promise<D1Results>;
}

interface D1Results {
  readonly results: unknown[];
}

interface D1Database {
  prepare(text: string): D1PreparedStatement;
  batch(statements: D1PreparedStatement[]): Promise<D1Results[]>;
}

interface QueueMessage {
  readonly id: string;
  readonly timestamp: Date;
  readonly body: unknown;
  readonly attempts: number;
  ack(): void;
  retry(options?: { delaySeconds?: number }): void;
}

interface MessageBatch {
  readonly queue: string;
  readonly messages: readonly QueueMessage[];
}

interface Queue {
  send(message: unknown): Promise<unknown>;
}
