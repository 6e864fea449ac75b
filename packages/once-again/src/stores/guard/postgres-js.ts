import { readFile } from "node:fs";
import { OnceAgainError } from "../../core/errors.ts";
import { guardText, type TransactionGuard } from "./guard.ts";

/** The part of a query of `postgres` that we use: it is sent by its `handler`, when it is first waited for. */
export interface PostgresJsQuery extends Promise<readonly unknown[]> {
  strings: readonly string[];
  args: readonly unknown[];
  handler: (query: PostgresJsQuery) => void;
  resolve: (rows: readonly unknown[]) => void;
  reject: (error: Error) => void;
  readonly cancelled: unknown;
  /** Whether all is answered that its connection was asked before. */
  readonly active: boolean;
  /** The session that it was sent in. */
  readonly state: { readonly pid: number; readonly secret: number } | null;
  readonly canceller: ((query: { state: unknown; active: boolean }) => Promise<void>) | null;
}

/** Sends queries on one connection. */
export interface SendQuery {
  /** Sends it in its turn. It is rejected where the connection is lost, which may be another's by then. */
  readonly send: (query: PostgresJsQuery) => void;
  readonly isLost: () => boolean;
}

/** The part of the `sql` of `postgres` that we use. */
interface PostgresJsSql {
  (...values: unknown[]): unknown;
  unsafe(...values: unknown[]): PostgresJsQuery;
  file(...values: unknown[]): PostgresJsQuery;
}

type Work = (sql: unknown) => unknown;

/** How deep fragments in fragments are read. */
const fragmentsMax = 16;

const ignore = (): void => undefined;

/**
 * The `sql` of `postgres` that a handler is given: what a reserved one can do and does not end its transaction, and
 * `begin` and `savepoint`, until the operation has ended.
 */
export function guardedSql<Connection extends object>(
  pool: object,
  guard: TransactionGuard,
  link: SendQuery,
): Connection {
  const make = pool as PostgresJsSql & Record<string, unknown>;
  const send = sendGuarded(make, guard, link);
  const watched = (query: unknown): unknown => {
    // A fragment, a name or a list is part of a query, and is not sent by itself.
    if (isQuery(query)) query.handler = send;
    return query;
  };
  const inScope = scopes((text) => watched(make.unsafe(text)) as PostgresJsQuery, guard, link);
  const { options, parameters, PostgresError, types, typed, array, json } = make;
  const sql = Object.assign((...values: unknown[]) => watched(make(...values)), {
    options,
    parameters,
    PostgresError,
    types,
    typed,
    array,
    json,
    unsafe: (...values: unknown[]) => watched(make.unsafe(...values)),
    file: (path: string, ...values: unknown[]) => {
      const query = make.file(path, ...values);
      query.handler = (sent) =>
        readFile(path, "utf8", (error, text) => {
          if (error !== null) return sent.reject(error);
          sent.strings = [text];
          send(sent);
        });
      return query;
    },
    notify: async (channel: string, payload: string) =>
      watched(make.unsafe("SELECT pg_notify($1, $2)", [channel, payload])),
    begin: (modes: string | Work, work?: Work) => {
      const judged = typeof modes === "string" ? guardText(`BEGIN ${modes}`, guard) : undefined;
      if (judged === undefined || !("refusal" in judged)) return inScope(work ?? (modes as Work), sql);
      return Promise.reject(new OnceAgainError("ONCE_HANDLER_FAILED", judged.refusal));
    },
    savepoint: (name: string | Work, work?: Work) => inScope(work ?? (name as Work), sql),
    // Kysely reserves a connection for each query, and gives it back. This one is the operation's until it ends.
    reserve: () => Promise.resolve(sql),
    release: ignore,
    end: () => Promise.resolve(),
    close: () => Promise.resolve(),
  });
  return sql as unknown as Connection;
}

/** Sends a query as the guard says, in its turn. */
function sendGuarded(make: PostgresJsSql, guard: TransactionGuard, link: SendQuery): (query: PostgresJsQuery) => void {
  return (query) => {
    try {
      const texts = guard.admit(textOf(query, fragmentsMax));
      if (texts === undefined) return link.send(query);
      [query.strings, query.args] = [texts.slice(0, 1), []];
      link.send(query);
      for (const text of texts.slice(1)) {
        const next = make.unsafe(text);
        ignoreFailure(next);
        link.send(next);
      }
    } catch (error) {
      ignoreFailure(query);
      query.reject(error as Error);
    }
  };
}

/** Runs work in a savepoint, as `begin` and `savepoint` of `postgres` do. */
function scopes(
  run: (text: string) => PostgresJsQuery,
  guard: TransactionGuard,
  link: SendQuery,
): (work: Work, sql: unknown) => Promise<unknown> {
  let count = 0;
  const scope = async (work: Work, sql: unknown): Promise<unknown> => {
    // Its own name, so that of two at once neither ends the other's.
    const name = `nested_by_once_again_${(count += 1)}`;
    await run(`SAVEPOINT ${name}`);
    try {
      const result = await work(sql);
      const value = Array.isArray(result) ? await Promise.all(result) : result;
      await run(`RELEASE SAVEPOINT ${name}`);
      return value;
    } catch (error) {
      if (!guard.hasEnded && !link.isLost()) await run(`ROLLBACK TO SAVEPOINT ${name}`);
      throw error;
    }
  };
  return (work, sql) => {
    const outcome = scope(work, sql);
    outcome.catch(ignore);
    return outcome;
  };
}

/** Who does not wait for a query need not lose the process. Its own `catch` would have it sent again. */
export function ignoreFailure(query: Promise<unknown>): void {
  void Promise.prototype.then.call(query, ignore, ignore);
}

/** Whether it is a query of `postgres` that was not sent yet: not what a wrapper makes of one. */
export function isQuery(value: unknown): value is PostgresJsQuery {
  return value instanceof Promise && "strings" in value && "handler" in value;
}

/** The text that a query sends, fragments included. What stands for a value can't be a statement. */
function textOf({ strings, args }: PostgresJsQuery, depth: number): string {
  if (strings.length === 1 || depth === 0) return strings[0] ?? "";
  let text = strings[0] ?? "";
  for (let index = 1; index < strings.length; index += 1) {
    const values = [args[index - 1]].flat();
    text += values.every(isQuery) ? values.map((value) => textOf(value, depth - 1)).join(" ") : "$1";
    text += strings[index];
  }
  return text;
}
