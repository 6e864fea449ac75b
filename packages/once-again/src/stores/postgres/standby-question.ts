import type { Clock } from "../../core/clock.ts";
import { timeLimit } from "../time-limit.ts";
import {
  type PgClient,
  type PostgresConnection,
  type PostgresPool,
  type PostgresQuery,
  postgresQuery,
} from "./client.ts";
import type { GiveUp, TakeConnection } from "./connection.ts";
import { isConnectionLost } from "./errors.ts";

/** How long the answer is waited for, milliseconds: it needs no lock, and no disk. */
const answerMsMax = 1000;

// Of every session of our own user, that is: PostgreSQL shows no more to most users.
const question = "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE wait_event = 'SyncRep') AS waits";

/** The part of a Pool of `pg` that we use beside its interface. */
interface PgPoolState {
  readonly Client: new (options: unknown) => PgClient & {
    connect(): Promise<unknown>;
    end(): Promise<unknown>;
    on(event: "error", listener: () => void): unknown;
  };
  readonly options: { readonly max: number };
  readonly totalCount: number;
  readonly idleCount: number;
}

/** One question at a time for each pool, whatever stores and outboxes share it. */
const asking = new WeakMap<object, Promise<boolean | undefined>>();

/**
 * @returns a function that asks whether commits wait for a synchronous standby. `undefined`: the server does not answer. It
 *   never rejects.
 */
export function standbyQuestion<Connection extends PostgresConnection>(
  pool: PostgresPool<Connection>,
  take: TakeConnection<Connection>,
  clock: Clock,
  giveUp: GiveUp,
): () => Promise<boolean | undefined> {
  const limitTime = timeLimit(clock, answerMsMax);
  const ask = async (query: PostgresQuery): Promise<boolean> => {
    const [row] = (await query(question)) as { waits: boolean }[];
    return row?.waits !== false;
  };

  const askPooled = async (): Promise<boolean> => {
    const taking = take();
    const pooled = await limitTime(taking).catch((error: unknown) => {
      taking.then(({ release }) => release()).catch(() => undefined);
      throw error;
    });
    const answer = ask(postgresQuery(pooled.connection));
    try {
      const isAwaited = await limitTime(answer);
      pooled.release();
      return isAwaited;
    } catch (error) {
      const isWhole = answer.then(
        () => true,
        (error: unknown) => !isConnectionLost(error),
      );
      giveUp({ pooled, isWhole, mayCommit: false });
      throw error;
    }
  };

  const askAnew = async ({ Client, options }: PgPoolState): Promise<boolean> => {
    const client = new Client(options);
    client.on("error", () => undefined);
    try {
      return await limitTime(client.connect().then(() => ask(postgresQuery(client))));
    } finally {
      await limitTime(client.end()).catch(() => undefined);
    }
  };

  const askOnce = (): Promise<boolean> => {
    if (!("Client" in pool)) return askPooled();
    const state = pool as unknown as PgPoolState;
    // An idle link may have fallen silent, too, so a new one is preferred; but not beyond the pool's `max`, as long as
    // one of the pool's is free.
    return state.totalCount >= state.options.max && state.idleCount > 0 ? askPooled() : askAnew(state);
  };
  return () => {
    const answer =
      asking.get(pool) ??
      askOnce()
        .catch(() => undefined)
        .finally(() => asking.delete(pool));
    asking.set(pool, answer);
    return answer;
  };
}
