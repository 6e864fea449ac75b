import { readFile } from "node:fs";
import { OnceAgainError } from "../../core/errors.ts";
import { guardText, type TransactionGuard } from "./guard.ts";

/** The part of a query of `postgres` that we use: it is sent by its `handler`, when it is first waited for. */
interface PostgresJsQuery extends Promise<readonly unknown[]> {
  strings: readonly string[];
  args: readonly unknown[];
  handler: (query: PostgresJsQuery) => void;
  reject: (error: Error) => void;
}

/** The part of a reserved `sql` of `postgres` that we use. */
interface ReservedSql {
  (...values: unknown[]): unknown;
  unsafe(...values: unknown[]): PostgresJsQuery;
  file(...values: unknown[]): PostgresJsQuery;
}

type Work = (sql: unknown) => unknown;

/** A connection that is gone must not be given another statement. */
export interface ConnectionLoss {
  /** Whether an error says that the connection is gone. */
  readonly isLost: (error: unknown) => boolean;
  readonly onLost: (error: Error) => void;
}

/** How deep fragments in fragments are read. */
const fragmentsMax = 16;

const ignore = (): void => undefined;

/**
 * The `sql` of `postgres` that a handler is given: what a reserved one can do and does not end its transaction, and
 * `begin` and `savepoint`, until the operation has ended.
 */
export function guardedSql<Connection extends object>(
  connection: Connection,
  pool: object,
  guard: TransactionGuard,
  loss: ConnectionLoss,
): Connection {
  const reserved = connection as unknown as ReservedSql;
  const send = sendGuarded(reserved, guard, loss);
  const watched = (query: unknown): unknown => {
    // A fragment, a name or a list is part of a query, and is not sent by itself.
    if (isQuery(query)) query.handler = send;
    return query;
  };
  const inScope = scopes((text) => watched(reserved.unsafe(text)) as PostgresJsQuery, guard, loss);
  const { options, parameters, PostgresError } = pool as Record<string, unknown>;
  const sql = Object.assign((...values: unknown[]) => watched(reserved(...values)), reserved, {
    options,
    parameters,
    PostgresError,
    unsafe: (...values: unknown[]) => watched(reserved.unsafe(...values)),
    file: (path: string, ...values: unknown[]) => {
      const query = reserved.file(path, ...values);
      query.handler = (sent) =>
        readFile(path, "utf8", (error, text) => {
          if (error !== null) return sent.reject(error);
          sent.strings = [text];
          send(sent);
        });
      return query;
    },
    notify: async (channel: string, payload: string) =>
      watched(reserved.unsafe("SELECT pg_notify($1, $2)", [channel, payload])),
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
function sendGuarded(
  reserved: ReservedSql,
  guard: TransactionGuard,
  { isLost, onLost }: ConnectionLoss,
): (query: PostgresJsQuery) => void {
  const { handler } = reserved.unsafe("");
  let lost: Error | undefined;
  return (query) => {
    try {
      const texts = guard.admit(textOf(query, fragmentsMax));
      if (lost !== undefined) throw lost;
      const { reject } = query;
      query.reject = (error) => {
        if (isLost(error)) onLost((lost = error));
        reject(error);
      };
      if (texts === undefined) return handler(query);
      [query.strings, query.args] = [texts.slice(0, 1), []];
      handler(query);
      for (const text of texts.slice(1)) {
        const next = reserved.unsafe(text);
        ignoreFailure(next);
        handler(next);
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
  { isLost }: ConnectionLoss,
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
      if (!guard.hasEnded && !isLost(error)) await run(`ROLLBACK TO SAVEPOINT ${name}`);
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
function ignoreFailure(query: PostgresJsQuery): void {
  void Promise.prototype.then.call(query, ignore, ignore);
}

function isQuery(value: unknown): value is PostgresJsQuery {
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
