import pg from "pg";
import { postgresStore } from "../../../../packages/once-again/src/stores/postgres/index.ts";
import { cutProxy } from "../../../support/servers/cut-proxy.ts";
import { postgresBinary, startPostgres } from "../../../support/servers/postgres.ts";
import type { PrivateServer } from "../../../support/servers/private-server.ts";
import { removed } from "../../../support/servers/start-together.ts";
import { repeatUntil } from "../../../support/store-load.ts";
import type { FailoverCluster, FailoverEngine } from "../../../proof/failover/engine.ts";

/** PostgreSQL: a primary and its synchronous standby, which is promoted when the primary is lost. */
export const postgresStandbyEngine: FailoverEngine = {
  name: "postgres-standby",
  binary: postgresBinary,
  survivesFailover: true,
  start,
};

/** How long a client waits for its node, milliseconds: one that is cut off never says that a commit is done. */
const lostAfterMs = 1000;

async function start(): Promise<FailoverCluster> {
  const primary = await startPostgres({ settings: { synchronous_standby_names: "*" } });
  const servers = [primary];
  // The standby and the clients on its side reach the primary by this proxy alone.
  const front = await cutProxy(primary.port);
  const controls: pg.Pool[] = [];
  const control = ({ port }: PrivateServer): pg.Pool => {
    const pool = poolOf(port);
    controls.push(pool);
    return pool;
  };
  const dispose = async (): Promise<void> => {
    await Promise.all(controls.map((pool) => pool.end()));
    await removed(servers);
    await front[Symbol.asyncDispose]();
  };

  try {
    const standby = await startPostgres({ standbyOf: front.port });
    servers.push(standby);
    const onPrimary = control(primary);
    const onStandby = control(standby);
    await repeatUntil(() => isFollowed(onPrimary, "sync"));
    await postgresStore(onPrimary).migrate();
    let isPromoted = false;

    return {
      async open(side) {
        const before = poolOf(side === "leader" ? primary.port : front.port);
        const after = side === "leader" ? before : poolOf(standby.port);
        const pool = {
          query: (statement: string | pg.QueryConfig, values?: unknown[]) =>
            (isPromoted ? after : before).query(statement, values),
          connect: () => (isPromoted ? after : before).connect(),
        };
        return {
          store: postgresStore(pool, { replayTouch: true, busyMsMax: lostAfterMs }),
          close: () => Promise.all([...new Set([before, after])].map((each) => each.end())),
        };
      },
      async lose(fault) {
        if (fault === "killed") await primary.kill();
        else front.cut();
      },
      async promoted() {
        await onStandby.query("SELECT pg_promote(false)");
        await repeatUntil(() => isPrimary(onStandby));
        isPromoted = true;
      },
      // The writes that only the lost primary had are no part of the new one's history, so it starts anew from a copy.
      async heal() {
        await primary[Symbol.asyncDispose]();
        servers.push(await startPostgres({ standbyOf: standby.port }));
        await repeatUntil(() => isFollowed(onStandby, "async"));
      },
      [Symbol.asyncDispose]: dispose,
    };
  } catch (error) {
    await dispose();
    throw error;
  }
}

/** A pool that says soon that its node is gone. */
function poolOf(port: number): pg.Pool {
  const connectionString = `postgres://postgres@127.0.0.1:${port}/postgres`;
  const pool = new pg.Pool({ connectionString, connectionTimeoutMillis: lostAfterMs, query_timeout: lostAfterMs });
  return pool.on("error", () => undefined);
}

/** Whether a standby follows a primary, which waits for it (`sync`) or does not (`async`). */
export async function isFollowed(primary: Pick<pg.Client, "query">, state: "sync" | "async"): Promise<boolean> {
  const following = "SELECT FROM pg_stat_replication WHERE state = 'streaming' AND sync_state = $1";
  return (await primary.query(following, [state])).rowCount === 1;
}

export async function isPrimary(server: Pick<pg.Client, "query">): Promise<boolean> {
  const { rows } = await server.query<{ recovers: boolean }>("SELECT pg_is_in_recovery() AS recovers");
  return rows[0]?.recovers === false;
}
