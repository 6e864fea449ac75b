import { EventEmitter } from "node:events";
import process from "node:process";
import type { TransactionGuard } from "./guard.ts";

/** The argument of `query` of `pg` beside texts: a statement with its values, or an object that sends itself. */
interface PgQuery {
  readonly text?: unknown;
  /** Of pg-query-stream: the statement is in its cursor. */
  readonly cursor?: { readonly text?: unknown };
  readonly submit?: unknown;
  callback?: PgCallback | null;
  handleError?(error: Error, connection?: undefined): void;
  listenerCount?(event: string): number;
}

type PgCallback = (error: Error | null, result?: unknown) => void;

/** A connection of `pg` as far as a handler has a use for it; its own types say the rest. */
type Client = EventEmitter & {
  query(query: unknown, values?: unknown, callback?: unknown): unknown;
  readonly [property: string]: unknown;
};

const ignore = (): void => undefined;

/**
 * The PoolClient of `pg` that a handler is given: a connection's `query` and whatever else does not end its transaction,
 * until the operation has ended. Its listeners go with it.
 *
 * It is a class without a proxy, so that a statement costs hardly more than on the connection itself.
 */
export class GuardedClient extends EventEmitter {
  readonly #client: Client;
  readonly #guard: TransactionGuard;
  #forwarders: Map<string, (...values: unknown[]) => void> | undefined;

  constructor(connection: object, guard: TransactionGuard) {
    super();
    this.#client = connection as Client;
    this.#guard = guard;
  }

  query(query: PgQuery | string, values?: unknown, callback?: unknown): unknown {
    let texts: readonly string[] | undefined;
    try {
      texts = this.#guard.admit(textOf(query));
    } catch (error) {
      return refuse(error as Error, query, values, callback);
    }
    if (texts === undefined) return this.#client.query(query, values, callback);
    const [first, ...others] = texts;
    const answer = this.#client.query(withText(query, first), values, callback);
    for (const text of others) void (this.#client.query(text) as Promise<unknown>).catch(ignore);
    return answer;
  }

  /** Kysely gives its connection back after each query. This one is the operation's until it ends. */
  release(): void {}

  connect(callback?: (error: null, client: this, done: () => void) => void): Promise<this> | undefined {
    if (callback === undefined) return Promise.resolve(this);
    process.nextTick(callback, null, this, ignore);
    return undefined;
  }

  end(callback?: () => void): Promise<void> | undefined {
    if (callback === undefined) return Promise.resolve();
    process.nextTick(callback);
    return undefined;
  }

  override on(event: string, listener: (...values: unknown[]) => void): this {
    this.#hear(event);
    return super.on(event, listener);
  }

  override addListener(event: string, listener: (...values: unknown[]) => void): this {
    return this.on(event, listener);
  }

  override once(event: string, listener: (...values: unknown[]) => void): this {
    this.#hear(event);
    return super.once(event, listener);
  }

  /** The connection is another's from now on. */
  forgetListeners(): void {
    for (const [event, forward] of this.#forwarders ?? []) this.#client.removeListener(event, forward);
    this.#forwarders = undefined;
    this.removeAllListeners();
  }

  /** Hands an event of the connection on, from the first listener on. */
  #hear(event: string): void {
    if (this.#guard.hasEnded || this.#forwarders?.has(event)) return;
    const forward = (...values: unknown[]): void => {
      // An error event without a listener would end the process.
      if (event !== "error" || this.listenerCount("error") > 0) this.emit(event, ...values);
    };
    (this.#forwarders ??= new Map()).set(event, forward);
    this.#client.on(event, forward);
  }

  escapeIdentifier(text: string): unknown {
    return this.#call("escapeIdentifier", text);
  }

  escapeLiteral(text: string): unknown {
    return this.#call("escapeLiteral", text);
  }

  getTypeParser(...values: unknown[]): unknown {
    return this.#call("getTypeParser", ...values);
  }

  setTypeParser(...values: unknown[]): unknown {
    return this.#call("setTypeParser", ...values);
  }

  getTransactionStatus(): unknown {
    return this.#guard.hasEnded ? null : this.#call("getTransactionStatus");
  }

  ref(): void {}

  unref(): void {}

  get processID(): unknown {
    return this.#client["processID"];
  }

  get database(): unknown {
    return this.#client["database"];
  }

  get user(): unknown {
    return this.#client["user"];
  }

  get host(): unknown {
    return this.#client["host"];
  }

  get port(): unknown {
    return this.#client["port"];
  }

  get connectionParameters(): unknown {
    return this.#client["connectionParameters"];
  }

  #call(method: string, ...values: unknown[]): unknown {
    return (this.#client[method] as ((...given: unknown[]) => unknown) | undefined)?.call(this.#client, ...values);
  }
}

/** The statement that a query sends; `undefined` where it does not say. */
function textOf(query: PgQuery | string): string | undefined {
  if (typeof query === "string") return query;
  const text = query?.text ?? query?.cursor?.text;
  return typeof text === "string" ? text : undefined;
}

/** The same query with another text. It is a text that needs no preparation. */
function withText(query: PgQuery | string, text: string | undefined): unknown {
  if (typeof query === "string") return text;
  return typeof query.submit === "function" ? Object.assign(query, { text }) : { ...query, name: undefined, text };
}

/** Answers a statement that is not sent as `pg` answers one that fails. */
function refuse(fault: Error, query: PgQuery | string, values: unknown, callback: unknown): unknown {
  const argument = [values, callback].find((value) => typeof value === "function") as PgCallback | undefined;
  const statement = typeof query === "string" ? undefined : query;
  if (typeof statement?.submit === "function") {
    if (argument !== undefined) statement.callback ??= argument;
    process.nextTick(refuseSubmittable, statement, fault);
    return statement;
  }
  const onResult = argument ?? statement?.callback;
  if (onResult) {
    process.nextTick(onResult, fault);
    return undefined;
  }
  return refusal(fault);
}

/** Who does not wait for it need not lose the process: a late use is reported to `onError`. */
function refusal(fault: Error): Promise<never> {
  const rejection = Promise.reject(fault);
  rejection.catch(ignore);
  return rejection;
}

function refuseSubmittable(query: PgQuery, error: Error): void {
  // A Query of `pg` without a listener would end the process.
  const isUnheard = "callback" in query && !query.callback && query.listenerCount?.("error") === 0;
  if (!isUnheard) query.handleError?.(error);
}
