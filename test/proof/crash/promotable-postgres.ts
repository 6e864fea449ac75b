import pg from "pg";
import { cutProxy } from "../../support/servers/cut-proxy.ts";
import { startPostgres } from "../../support/servers/postgres.ts";
import type { PrivateServer } from "../../support/servers/private-server.ts";
import { repeatUntil } from "../../support/store-load.ts";
import { isFollowed, isPrimary } from "../../kits/stores/postgres/failover.ts";

/** A PostgreSQL with a synchronous standby, both behind one port. Its URL is that of whichever is the primary. */
export interface PromotablePostgres extends PrivateServer {
  /** Kills the primary, promotes the standby, and gives it a new standby. */
  promote(): Promise<void>;
}

/** A standby asks for what it has missed every 5 s by default, for which all commits would wait. */
const settings = { wal_retrieve_retry_interval: "100ms", max_wal_size: "64MB" };

/** @param within the folder for their data; default that for temporary files. */
export async function startPromotablePostgres(within?: string): Promise<PromotablePostgres> {
  let primary = await startPostgres({ settings, within });
  const front = await cutProxy(() => primary.port);
  const standbyOf = (): Promise<PrivateServer> => startPostgres({ settings, within, standbyOf: primary.port });
  // It is in a file that each standby copies, and so still holds when that is promoted.
  await asOperator(primary, async (client) => {
    await client.query("ALTER SYSTEM SET synchronous_standby_names = '*'");
    await client.query("SELECT pg_reload_conf()");
  });
  let standby = await standbyOf();
  await follows(primary);

  return {
    port: front.port,
    url: primary.url.replace(`:${primary.port}/`, `:${front.port}/`),
    get pid() {
      return standby.pid === undefined ? undefined : primary.pid;
    },
    stop: () => primary.stop(),
    kill: () => primary.kill(),
    async restart() {
      await primary.restart();
      if (standby.pid === undefined) await standby.restart();
    },
    async promote() {
      await primary.kill();
      await asOperator(standby, (client) => client.query("SELECT pg_promote(false)"));
      await repeatUntil(() => asOperator(standby, isPrimary));
      const lost = primary;
      primary = standby;
      await lost[Symbol.asyncDispose]();
      standby = await standbyOf();
      await follows(primary);
    },
    async [Symbol.asyncDispose]() {
      await front[Symbol.asyncDispose]();
      await Promise.all([primary, standby].map((server) => server[Symbol.asyncDispose]()));
    },
  };
}

/** Resolves when every commit waits for the standby, which follows. */
async function follows(primary: PrivateServer): Promise<void> {
  await repeatUntil(() => asOperator(primary, (client) => isFollowed(client, "sync")));
}

/** A connection for one piece of work. */
async function asOperator<Value>({ port }: PrivateServer, work: (client: pg.Client) => Promise<Value>): Promise<Value> {
  const client = new pg.Client({ connectionString: `postgres://postgres@127.0.0.1:${port}/postgres` });
  client.on("error", () => undefined);
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}
