import type { Clock } from "../../core/clock.ts";
import { type TimeLimit, timeLimit } from "../time-limit.ts";
import { type PostgresConnection, type PostgresPool, type PostgresQuery, postgresQuery } from "./client.ts";
import { isConnectionLost } from "./errors.ts";
import { overdueConnections } from "./overdue-connections.ts";
import { connectionsOf, type GiveUp, type PooledConnection, type TakeConnection } from "./pooled-connection.ts";
import { takeInTurn, Turns } from "./turns.ts";

/** How a pool is used. */
export interface PoolOptions {
  readonly clock: Clock;
  /** How long a connection and an answer are waited for together, milliseconds. */
  readonly busyMsMax: number;
  readonly prepare: boolean;
}

/** The user's pool, as a store or an outbox uses it. */
export interface PoolAccess<Connection> {
  readonly take: TakeConnection<Connection>;
  readonly limitTime: TimeLimit;
  readonly giveUp: GiveUp;
  /** Runs single statements on any connection of the pool. One that does not answer in time is cancelled in the server. */
  readonly query: PostgresQuery;
}

export function poolAccess<Connection extends PostgresConnection>(
  pool: PostgresPool<Connection>,
  { clock, busyMsMax, prepare }: PoolOptions,
): PoolAccess<Connection> {
  const take = connectionsOf(pool);
  const limitTime = timeLimit(clock, busyMsMax);
  const giveUp = overdueConnections(pool, take, clock);
  // When all others wait for the server, one is left to ask it why: see `standbyQuestion`.
  const max = pool.options?.max ?? Number.POSITIVE_INFINITY;
  const inTurn = takeInTurn(take, new Turns(max > 2 ? max - 1 : max));

  const query: PostgresQuery = async (text, values) => {
    let isWanted = true;
    let running: PooledConnection<Connection> | undefined;
    let onAnswered: ((isWhole: boolean) => void) | undefined;
    const answered = (pooled: PooledConnection<Connection>, isWhole: boolean): void => {
      running = undefined;
      if (onAnswered !== undefined) onAnswered(isWhole);
      else if (isWhole) pooled.release();
      else pooled.destroy();
    };
    const asked = (async () => {
      const pooled = await inTurn(() => isWanted);
      if (!isWanted) {
        pooled.release();
        throw new Error("The statement was given up.");
      }
      running = pooled;
      try {
        const rows = await postgresQuery(pooled.connection, prepare)(text, values);
        answered(pooled, true);
        return rows;
      } catch (error) {
        answered(pooled, !isConnectionLost(error));
        throw error;
      }
    })();
    try {
      return await limitTime(asked);
    } catch (error) {
      isWanted = false;
      asked.catch(() => undefined);
      if (running !== undefined) {
        const isWhole = new Promise<boolean>((resolve) => (onAnswered = resolve));
        giveUp({ pooled: running, isWhole, mayCommit: true });
      }
      throw error;
    }
  };
  return { take, limitTime, giveUp, query };
}
