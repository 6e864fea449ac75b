import { Pool, type PoolClient } from "pg";
import postgres, { type TransactionSql } from "postgres";
import {
  fromPg,
  fromPostgresJs,
  onceWithin,
  postgresOutbox,
  postgresStore,
} from "../../../../packages/once-again/src/stores/postgres/index.ts";
import { type PostgresConnection, postgresQuery } from "../../../../packages/once-again/src/stores/postgres/client.ts";
import { reserveLink } from "../../../../packages/once-again/src/stores/postgres/reserve-link.ts";
import { isCancelled, sqlState } from "../../../../packages/once-again/src/stores/postgres/errors.ts";
import { allOrms } from "../../../postgres/orms/all-orms.ts";
import { type ConnectOrm, hearNotices } from "../../../postgres/orms/connect-orm.ts";
import { findBinary } from "../../../support/servers/binary.ts";
import { pgbouncerBinary, startPgbouncer } from "../../../support/servers/pgbouncer.ts";
import { startPostgres } from "../../../support/servers/postgres.ts";
import type { OpenedPool, PoolGround, PoolOptions } from "./ground.ts";

const execute = (connection: unknown, statement: string) => postgresQuery(connection as PostgresConnection)(statement);

const request = (key: string) => ({ scope: "pools", key, fingerprint: "f", retentionMs: 600_000 });

function openPg({ port, name, connectionsMax, busyMsMax, onNotice }: PoolOptions): OpenedPool {
  const url = `postgres://postgres@127.0.0.1:${port}/postgres`;
  const pool = new Pool({ connectionString: url, max: connectionsMax, application_name: name });
  pool.on("error", () => undefined);
  pool.on("connect", (client) => client.on("notice", ({ code }) => onNotice(code ?? "")));
  return {
    store: postgresStore(pool, { busyMsMax }) as OpenedPool["store"],
    outbox: postgresOutbox(pool, { busyMsMax }),
    execute,
    outboxTransaction: (transaction) => transaction,
    userStatement: (statement) => pool.query(statement),
    async userTransaction(work) {
      const client = await pool.connect();
      client.on("error", ignore);
      let error: unknown;
      try {
        await client.query("BEGIN");
        await work((statement) => client.query(statement), client);
        await client.query("COMMIT");
      } catch (thrown) {
        error = thrown;
        await client.query("ROLLBACK").catch(() => undefined);
        throw thrown;
      } finally {
        client.removeListener("error", ignore);
        client.release(error !== undefined);
      }
    },
    onceWithin: (transaction, key, work) => onceWithin(fromPg(transaction as PoolClient), request(key), work),
    async onEach(statement) {
      const clients = await Promise.all(Array.from({ length: connectionsMax }, () => pool.connect()));
      try {
        return await Promise.all(
          clients.map(async (client, index) => (await client.query(statement.replace("#", String(index)))).rows),
        );
      } finally {
        for (const client of clients) client.release();
      }
    },
    close: () => pool.end(),
  };
}

const ignore = (): void => undefined;

function openPostgresJs({ port, name, connectionsMax, busyMsMax, isCut, onNotice }: PoolOptions): OpenedPool {
  const url = `postgres://postgres@127.0.0.1:${port}/postgres`;
  const sql = postgres(url, {
    ...{ max: connectionsMax, connection: { application_name: name }, backoff: () => 0.01 },
    onnotice: ({ code }) => onNotice(code ?? ""),
  });
  return {
    store: postgresStore(sql, { busyMsMax }) as OpenedPool["store"],
    outbox: postgresOutbox(sql, { busyMsMax }),
    execute,
    outboxTransaction: (transaction) => transaction,
    userStatement: async (statement) => sql.unsafe(statement),
    // A lost connection makes its own `begin` throw where it can't be caught.
    userTransaction: isCut
      ? undefined
      : async (work) =>
          sql.begin((transaction) => work(async (statement) => transaction.unsafe(statement), transaction)),
    onceWithin: (transaction, key, work) =>
      onceWithin(fromPostgresJs(transaction as TransactionSql), request(key), work),
    // Not by `reserve()`, which forgets a caller where a connection is made anew.
    async onEach(statement) {
      const links = await Promise.all(Array.from({ length: connectionsMax }, () => reserveLink(sql)));
      const asked = links.map((link, index) => link.unsafe(statement.replace("#", String(index))));
      return (await Promise.all(asked)) as unknown[][];
    },
    close: () => sql.end({ timeout: 1 }),
  };
}

/** How many times longer than the others a store waits that sends each statement by itself. */
const ormPatience = 5;

/** ORMs that never give back a connection that is lost in a transaction of the user's own. */
const keepLost = ["MikroORM"];

/** A store with the transactions of an ORM, which has other connections than the store. */
const openOrm =
  (ofOrm: string, connect: ConnectOrm<unknown>) =>
  async ({ port, name, connectionsMax, isCut, onNotice, ...options }: PoolOptions): Promise<OpenedPool> => {
    const busyMsMax = options.busyMsMax * ormPatience;
    const url = `postgres://postgres@127.0.0.1:${port}/postgres`;
    const orm = await connect(url, { connectionsMax, name, onNotice });
    const { transactions } = orm;
    const beside = new Pool({ connectionString: url, max: connectionsMax, application_name: name });
    hearNotices(beside, { onNotice });
    // An ORM takes long to begin for the first time.
    await orm.transact((transaction) => orm.execute(transaction, "SELECT 1"));
    return {
      store: postgresStore(beside, { busyMsMax, transactions }),
      outbox: postgresOutbox(beside, { busyMsMax }),
      execute: orm.execute,
      outboxTransaction: transactions.from,
      userStatement: orm.statement,
      userTransaction:
        isCut && keepLost.includes(ofOrm)
          ? undefined
          : (work) =>
              orm.transact((transaction) => work((statement) => orm.execute(transaction, statement), transaction)),
      onceWithin: (transaction, key, work) => onceWithin(transactions.from(transaction), request(key), work),
      async onEach(statement) {
        const lent = await Promise.all(Array.from({ length: connectionsMax }, () => orm.lend()));
        try {
          return await Promise.all(
            lent.map(async (connection, index) => (await connection.query(statement.replace("#", String(index)))).rows),
          );
        } finally {
          for (const connection of lent) connection.release();
        }
      },
      close: () => Promise.all([orm.close(), beside.end()]),
    };
  };

const clients = {
  pg: { open: openPg, cutsFrom: 0 },
  // A connection that is cut while it asks for the types of arrays rejects a promise that nothing has.
  postgres: { open: openPostgresJs, cutsFrom: 12 },
  ...Object.fromEntries(
    Object.entries(allOrms).map(([name, connect]) => [name, { open: openOrm(name, connect), cutsFrom: 0 }]),
  ),
};

/** How many connections to the server PgBouncer has for all pools. */
const poolerConnections = 6;

/** Pools of each client of PostgreSQL, on one server, and behind PgBouncer where the machine has it. */
export async function postgresGrounds(): Promise<PoolGround[]> {
  const server = await startPostgres({ settings: { max_connections: "300", fsync: "off" } });
  const outside = new Pool({ connectionString: server.url, max: 8 });
  const store = postgresStore(outside);
  await store.migrate();
  await postgresOutbox(outside).migrate();
  await outside.query("CREATE TABLE effects (name text PRIMARY KEY)");
  const pooler =
    findBinary(pgbouncerBinary) === undefined ? undefined : await startPgbouncer(server.port, poolerConnections);
  const close = async (): Promise<void> => {
    await pooler?.[Symbol.asyncDispose]();
    await outside.end();
    await server[Symbol.asyncDispose]();
  };
  const ways = [server, ...(pooler === undefined ? [] : [pooler])];
  const ofEach = ways.flatMap(({ port }) =>
    Object.entries(clients).map(([name, client]) => ({ name, port, ...client })),
  );
  return ofEach.map(({ name, port, open, cutsFrom }) => ({
    name: port === server.port ? name : `${name} behind PgBouncer`,
    cutsFrom,
    port,
    open: async (options) => open(options),
    sleep: (ms) => `SELECT pg_sleep(${ms / 1000})`,
    sessionState: `SELECT CASE WHEN now() <> statement_timestamp() THEN 'an open transaction'
      WHEN current_setting('lock_timeout') <> '0' THEN 'a lock_timeout'
      WHEN current_setting('transaction_isolation') <> 'read committed' THEN 'another isolation'
      ELSE 'as it was' END AS state`,
    async seen(beginning) {
      const like = `${beginning}%`;
      const effects = await outside.query<{ name: string }>("SELECT name FROM effects WHERE name LIKE $1", [like]);
      const done = await outside.query<{ key: string }>(
        "SELECT key FROM once_again_keys WHERE key LIKE $1 AND state = 'done'",
        [like],
      );
      return {
        effects: new Set(effects.rows.map((row) => row.name)),
        done: new Set(done.rows.map((row) => row.key)),
      };
    },
    async leftOpen(application) {
      const { rows } = await outside.query<{ left: string }>(
        `SELECT concat_ws(' ', state, left(query, 100)) AS left FROM pg_stat_activity
        WHERE application_name = $1 AND (state <> 'idle' OR pid IN (SELECT pid FROM pg_locks))`,
        [application],
      );
      return rows.map(({ left }) => left);
    },
    userBreach: (error) => {
      const code = sqlState(error);
      return code === undefined || /^(08|57P)/.test(code) ? undefined : `${code} ${(error as Error).message}`;
    },
    // undefined_table, in_failed_sql_transaction, lock_not_available
    isHandlersFault: (error) => ["42P01", "25P02", "55P03"].includes(sqlState(error) ?? ""),
    isCancelled,
    // in_failed_sql_transaction outside of a handler that caused it; active, and no active transaction; savepoints; names
    isBroken: (error) => ["25P02", "25001", "25P01", "3B001", "42P05", "26000"].includes(sqlState(error) ?? ""),
    [Symbol.asyncDispose]: close,
  }));
}
