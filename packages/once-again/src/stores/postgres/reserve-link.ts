import type { PostgresJsQuery, SendQuery } from "../guard/postgres-js.ts";
import type { PostgresJsClient } from "./client.ts";
import { isConnectionLost, sqlState } from "./errors.ts";

/**
 * A connection of a pool of `postgres`, for one user alone: until all is answered that was sent, and no transaction is open. It
 * goes back to the pool by itself then.
 */
export interface ReservedLink extends SendQuery {
  /** Whether all is answered that the connection was asked before it was reserved. */
  readonly isOurs: () => boolean;
  /** Sends a statement on it, as `unsafe` of the pool does on any connection. */
  readonly unsafe: (...asked: Parameters<PostgresJsClient["unsafe"]>) => PostgresJsQuery;
  /** The query by which it was reserved, which knows its session. */
  readonly first: PostgresJsQuery;
  /** Keeps it from the pool until `giveBack()`. */
  readonly hold: () => void;
  readonly giveBack: () => void;
  /** Closes it. The pool connects it anew when it needs one. */
  readonly close: () => void;
}

/** The part of a connection of `postgres` itself that we use, as its own `begin` does. */
interface PostgresJsLink {
  /** Sends a query. Falsy: no other one before all is answered. */
  execute(query: PostgresJsQuery): unknown;
  /**
   * While it is there, the pool lends the connection to no other. When all is answered it is called; but without `release`, and where no
   * transaction is open, the connection goes back to the pool.
   */
  reserved: (() => void) | null;
  /** Is called when it is closed. The pool may connect it anew then, for another. */
  onclose: ((error: Error) => void) | null;
  terminate(): void;
}

const ignore = (): void => undefined;

/**
 * How often a connection is asked for that does not show itself: where much waits to be written, and after a stale error, which
 * each connection of a pool may have.
 */
const asksMax = 100;

/** PostgreSQL answers it without any work. */
const emptyQuery = "";

/**
 * The same, so long that `postgres` (3.4.9) writes it at once. Bytes that wait for the next `setImmediate` are left over when the
 * connection ends before, and stand in front of those that open the next one, which are never sent.
 */
const emptyQueryWrittenAtOnce = " ".repeat(1024);

/**
 * Reserves a connection as `begin` of `postgres` does: by a query that is sent on it. `reserve()` (3.4.9) can't be used where
 * connections are lost: one that failed takes another connection later, which nothing gives back; one that waits while its
 * connection is made anew is forgotten, and so is any with `fetch_types: false`.
 */
export function reserveLink(pool: PostgresJsClient): Promise<ReservedLink> {
  return new Promise((resolve, reject) => {
    const ask = (asked: number): void => {
      const askAgain = (why: Error): void => (asked === asksMax ? reject(why) : ask(asked + 1));
      let isReserved = false;
      const onexecute = (link: PostgresJsLink): false => {
        isReserved = true;
        resolve(reservedLink(pool, link, first));
        return false;
      };
      const first = pool.unsafe(emptyQuery, [], { onexecute }) as PostgresJsQuery;
      first.then(
        () => isReserved || askAgain(new Error("This version of postgres does not show its connections.")),
        (error: Error) => isReserved || (isStale(error) ? askAgain(error) : reject(error)),
      );
    };
    const turn = turnsOfLosses.get(pool);
    if (turn === undefined) ask(1);
    else void turn.then(() => ask(1));
  });
}

/** Pools that lost a connection in this turn of the loop, until others that ended with it have shown that. */
const turnsOfLosses = new WeakMap<PostgresJsClient, Promise<void>>();

/** A restart ends all connections in one turn. One that is used between its end and its event leaves bytes over, as above. */
function noteLoss(pool: PostgresJsClient): void {
  if (turnsOfLosses.has(pool)) return;
  const { promise, resolve } = Promise.withResolvers<void>();
  turnsOfLosses.set(pool, promise);
  setTimeout(() => {
    turnsOfLosses.delete(pool);
    resolve();
  });
}

function reservedLink(pool: PostgresJsClient, link: PostgresJsLink, first: PostgresJsQuery): ReservedLink {
  const waiting: PostgresJsQuery[] = [];
  let hasSent = false;
  let isHeld = false;
  let isFull = false;
  let hasAnswered = false;
  let lost: Error | undefined;

  const onAnswered = (): void => {
    isFull = false;
    while (!isFull && waiting.length > 0) isFull = !transmit(waiting.shift()!);
  };
  const isReserved = (): boolean => link.reserved === onAnswered;
  const lose = (error: Error): void => {
    lost ??= error;
    for (const query of waiting.splice(0)) query.reject(error);
  };
  /** @returns whether another one may follow at once. */
  const transmit = (query: PostgresJsQuery): boolean => Boolean(query.cancelled || link.execute(query));
  const send = (query: PostgresJsQuery): void => {
    const { reject } = query;
    // An error of its socket comes before the end of the link, and throws for what is sent between where it can't be caught.
    query.reject = (error) => {
      if (isConnectionLost(error)) lose(error);
      reject(error);
    };
    hasSent = true;
    if (lost !== undefined) query.reject(lost);
    else if (!isReserved()) answerOutside(query);
    else if (isFull) waiting.push(query);
    else isFull = !transmit(query);
  };

  const unsafe: ReservedLink["unsafe"] = (...asked) =>
    Object.assign(pool.unsafe(...asked) as PostgresJsQuery, { handler: send });

  Object.defineProperty(onAnswered, "release", { get: () => isHeld || !hasSent || waiting.length > 0 });
  const onclose = (error: Error): void => {
    noteLoss(pool);
    lose(error);
  };
  Object.assign(link, { reserved: onAnswered, onclose });
  const answered = (): void => void (hasAnswered = true);
  first.then(answered, answered);
  return {
    first,
    send,
    unsafe,
    isLost: () => lost !== undefined,
    isOurs: () => hasAnswered || first.active,
    hold: () => void (isHeld = true),
    giveBack() {
      if (!isReserved()) return;
      isHeld = false;
      unsafe(emptyQueryWrittenAtOnce).then(ignore, ignore);
    },
    close() {
      if (!isReserved()) return;
      isHeld = true;
      lose(closedError());
      // All that is written is sent by the next turn of the loop: `postgres` would write it to the connection's next link.
      setImmediate(() => isReserved() && link.terminate());
    },
  };
}

/**
 * Whether an error is that of a statement before, on a connection that was lost with the end of the answer: `postgres` gives it to
 * the first query on the next one, which it does not send. The empty query itself has no errors but those of a connection that can't
 * be opened.
 */
function isStale(error: Error): boolean {
  const isOfStatement = "severity" in error && error.severity === "ERROR";
  return isOfStatement || ofSessions.has(sqlState(error) ?? "");
}

/** How a server ends sessions: admin_shutdown, crash_shutdown, database_dropped, and the three time-outs of a session. */
const ofSessions: ReadonlySet<string> = new Set(["57P01", "57P02", "57P04", "57P05", "25P03", "25P04"]);

/** Answers as PostgreSQL does where no transaction is open: the connection may be another's. */
function answerOutside(query: PostgresJsQuery): void {
  if (query.strings[0] === "ROLLBACK") query.resolve([]);
  else query.reject(Object.assign(new Error("The transaction is over."), { severity: "ERROR", code: "25P01" }));
}

function closedError(): Error {
  return new Error("The connection was given up.");
}
