/** The contract of the inbox on each store that it may have, in both modes. */
import { Redis } from "ioredis";
import type { RowDataPacket } from "mysql2";
import type { PoolConnection } from "mysql2/promise";
import { describe, onTestFinished, test } from "vitest";
import { mariadbStore } from "../../packages/once-again/src/stores/mariadb/index.ts";
import { natsStore } from "../../packages/once-again/src/stores/nats/index.ts";
import type { PostgresConnection } from "../../packages/once-again/src/stores/postgres/client.ts";
import { redisStore } from "../../packages/once-again/src/stores/redis/index.ts";
import { sqliteStore } from "../../packages/once-again/src/stores/sqlite/index.ts";
import {
  type ContractCase,
  inboxContract,
  type InboxFixture,
  type TransactionFixture,
} from "../../packages/testing/src/index.ts";
import { databases as mariadbDatabases, mariadbPool } from "../mariadb/databases.ts";
import { bucket, natsConnection } from "../nats/buckets.ts";
import { databases as postgresDatabases, execute, pgPool, postgresClients } from "../postgres/databases.ts";
import { leasedFixture, transactionalFixture } from "../support/inbox/fixtures.ts";
import { cutProxy } from "../support/servers/cut-proxy.ts";
import { describeWithServer } from "../support/servers/describe-with-server.ts";
import { mariadbBinary } from "../support/servers/mariadb.ts";
import { natsBinary, startNats } from "../support/servers/nats.ts";
import { postgresBinary } from "../support/servers/postgres.ts";
import { redisBinary, startRedis } from "../support/servers/redis.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { serverOf } from "./brokers.ts";
import { waitMsMax } from "../support/wait-ms-max.ts";

function describeCases(name: string, cases: readonly ContractCase[]): void {
  describe(name, () => {
    for (const { name, run } of cases) test(name, run);
  });
}

describeCases(
  "a leased inbox in SQLite",
  inboxContract({
    open(records) {
      const path = `${temporaryFolder()}/${records}.db`;
      return leasedFixture(() => sqliteStore({ path }));
    },
  }),
);

describeWithServer("the inbox in PostgreSQL", postgresBinary, () => {
  const { server, create } = postgresDatabases();

  describe.for(Object.keys(postgresClients))("through %s", (client) => {
    const openStore = postgresClients[client]!;
    const openTransactional = async (
      behind: (url: string) => string = (url) => url,
    ): Promise<TransactionFixture<PostgresConnection>> => {
      const url = await create();
      const store = openStore(behind(url), { connectionsMax: 5 });
      await store.migrate();
      const outside = pgPool(url, { max: 1 });
      await outside.query("CREATE TABLE effects (name text NOT NULL)");
      const effects = async () =>
        (await outside.query<{ name: string }>("SELECT name FROM effects")).rows.map(({ name }) => name);
      return { store, execute, effects };
    };
    const open = async () => transactionalFixture(await openTransactional());
    describeCases("transactional", inboxContract<PostgresConnection>({ mode: "transactional", open }));

    // The same where its connections are cut in place of a store that refuses.
    const openBehindProxy = async (): Promise<InboxFixture<PostgresConnection>> => {
      const proxy = await cutProxy(server().port);
      onTestFinished(() => proxy[Symbol.asyncDispose]());
      const { store, ...direct } = await openTransactional((url) => url.replace(/:\d+\//, `:${proxy.port}/`));
      const { connect, effect, effects, close } = transactionalFixture({ store, ...direct });
      const interrupt = () => {
        proxy.cut();
        return () => proxy.heal();
      };
      return { connect, effect, effects, close, interrupt };
    };
    const cut = inboxContract<PostgresConnection>({ mode: "transactional", open: openBehindProxy });
    describeCases(
      "transactional, with cut connections",
      cut.filter(({ name }) => /the store can't be reached|a commit that fails/.test(name)),
    );

    const openLeased = async (records: string) => {
      const options = { tablePrefix: `${records}_`, connectionsMax: 2 };
      await openStore(server().url, options).migrate();
      return leasedFixture(() => openStore(server().url, options));
    };
    describeCases("leased", inboxContract({ open: openLeased }));
  });
});

describeWithServer("the inbox in MariaDB", mariadbBinary, () => {
  const { server, create } = mariadbDatabases();

  const openTransactional = async (): Promise<TransactionFixture<PoolConnection>> => {
    const url = await create();
    const store = mariadbStore(mariadbPool(url, { connectionLimit: 5 }));
    await store.migrate();
    const outside = mariadbPool(url, { connectionLimit: 1 });
    await outside.query("CREATE TABLE effects (name varchar(255) NOT NULL)");
    return {
      store,
      execute: (connection, statement) => connection.query(statement),
      effects: async () =>
        (await outside.query<RowDataPacket[]>("SELECT name FROM effects"))[0].map((row) => row["name"] as unknown),
    };
  };
  const open = async () => transactionalFixture(await openTransactional());
  describeCases("transactional", inboxContract<PoolConnection>({ mode: "transactional", open }));

  const openLeased = async (records: string) => {
    const pool = mariadbPool(server().url, { connectionLimit: 8 });
    const openStore = () => mariadbStore(pool, { tablePrefix: `${records}_` });
    await openStore().migrate();
    return leasedFixture(openStore);
  };
  describeCases("leased", inboxContract({ open: openLeased }));
});

describeWithServer("the inbox in Redis", redisBinary, () => {
  const server = serverOf(() => startRedis());
  const open = (records: string) =>
    leasedFixture(() => {
      const client = new Redis(server().url);
      onTestFinished(() => client.disconnect());
      return redisStore(client, { prefix: `${records}:` });
    });
  describeCases("leased", inboxContract({ open }));
});

describeWithServer("the inbox in NATS", natsBinary, () => {
  const server = serverOf(() => startNats());
  const open = async (records: string) => {
    const connection = await natsConnection([server().port]);
    onTestFinished(() => connection.close());
    const kv = await bucket(connection, records);
    return leasedFixture(() => natsStore(kv, { requestMsMax: waitMsMax }));
  };
  describeCases("leased", inboxContract({ open }));
});
