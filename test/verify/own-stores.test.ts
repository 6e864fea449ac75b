import type { RowDataPacket } from "mysql2/promise";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { sealedStore } from "../../packages/once-again/src/stores/index.ts";
import { memoryStore } from "../../packages/once-again/src/stores/memory/index.ts";
import { mariadbStore } from "../../packages/once-again/src/stores/mariadb/index.ts";
import { natsStore } from "../../packages/once-again/src/stores/nats/index.ts";
import type { PostgresConnection } from "../../packages/once-again/src/stores/postgres/client.ts";
import { redisStore } from "../../packages/once-again/src/stores/redis/index.ts";
import type { Call } from "../frameworks/route.ts";
import { withNode } from "../frameworks/with-node.ts";
import { databases as mariadbDatabases, mariadbPool } from "../mariadb/databases.ts";
import { bucket, natsConnection } from "../nats/buckets.ts";
import { databases as postgresDatabases, execute, pgPool, postgresClients } from "../postgres/databases.ts";
import { singleClients } from "../redis/clients.ts";
import { describeWithServer } from "../support/servers/describe-with-server.ts";
import { mariadbBinary } from "../support/servers/mariadb.ts";
import { natsBinary, startNats } from "../support/servers/nats.ts";
import { postgresBinary } from "../support/servers/postgres.ts";
import type { PrivateServer } from "../support/servers/private-server.ts";
import { redisBinary, startRedis, valkeyBinary } from "../support/servers/redis.ts";
import { casesOf, type OrdersGround, ordersInMemory, unaskedOf, verified } from "./orders.ts";
import { waitMsMax } from "../support/wait-ms-max.ts";

// Every store, in every mode that it has and through every client, served by node:http. The frameworks have a test of
// their own.

// A server starts slowly on a busy machine, and a run is 250 operations.
type Open = () => Promise<OrdersGround>;

/** @param title of the tests of one ground, which needs a new one for each. */
function isConformant(title: string, open: Open): void {
  test(`${title}: no case fails or warns, by the draft`, async () => {
    const report = await verified(withNode, await open(), { workMs: 1 });
    expect({ wrong: casesOf(report, "fail", "warn"), unasked: unaskedOf(report) }).toEqual({ wrong: [], unasked: [] });
  });

  test(`${title}: nor with work that outlasts its callers`, async () => {
    const report = await verified(withNode, await open(), { workMs: 50, only: ["D"] });
    expect(casesOf(report, "fail", "warn", "not-applicable")).toEqual([]);
  });
}

/** The transaction of a call, of whatever database it is. */
const transactionOf = <Transaction>({ execution }: Call): Transaction =>
  execution.transaction as unknown as Transaction;

describe("sealed", () => {
  const keys = [{ id: "2026", secret: new Uint8Array(32) }];
  isConformant("in memory", async () => ({ rules: { store: sealedStore(memoryStore(), keys) }, ...ordersInMemory() }));
});

describeWithServer("PostgreSQL", postgresBinary, () => {
  const { create } = postgresDatabases();

  describe.for(Object.entries(postgresClients))("through %s", ([, openStore]) => {
    isConformant("leased", async () => {
      const store = openStore(await create());
      await store.migrate();
      return { rules: { store }, ...ordersInMemory() };
    });

    isConformant("transactional", async () => {
      const url = await create();
      const store = openStore(url);
      await store.migrate();
      const outside = pgPool(url, { max: 1 });
      await outside.query("CREATE TABLE orders (item text NOT NULL)");
      return {
        rules: { store, mode: "transactional" },
        insert: (call) => execute(transactionOf<PostgresConnection>(call), "INSERT INTO orders VALUES ('tea')"),
        count: async () => (await outside.query("SELECT FROM orders")).rowCount ?? 0,
      };
    });
  });
});

describeWithServer("MariaDB", mariadbBinary, () => {
  const { create } = mariadbDatabases();

  isConformant("leased", async () => {
    const store = mariadbStore(mariadbPool(await create()));
    await store.migrate();
    return { rules: { store }, ...ordersInMemory() };
  });

  isConformant("transactional", async () => {
    const url = await create();
    const store = mariadbStore(mariadbPool(url));
    await store.migrate();
    const outside = mariadbPool(url, { connectionLimit: 1 });
    await outside.query("CREATE TABLE orders (item varchar(255) NOT NULL)");
    return {
      rules: { store, mode: "transactional" },
      insert: (call) =>
        transactionOf<{ query(statement: string): Promise<unknown> }>(call).query("INSERT INTO orders VALUES ('tea')"),
      count: async () => (await outside.query<RowDataPacket[]>("SELECT item FROM orders"))[0].length,
    };
  });
});

describe.for([
  ["Redis", redisBinary],
  ["Valkey", valkeyBinary],
] as const)("%s", ([engine, binary]) => {
  describeWithServer(engine, binary, () => {
    let server: PrivateServer;
    let stores = 0;
    beforeAll(async () => {
      server = await startRedis({ binary });
    });
    afterAll(() => server[Symbol.asyncDispose]());

    describe.for(Object.entries(singleClients))("through %s", ([, connect]) => {
      isConformant("leased", async () => {
        const store = redisStore(connect(server.port), { prefix: `verify-${(stores += 1)}:` });
        return { rules: { store }, ...ordersInMemory() };
      });
    });
  });
});

describeWithServer("NATS", natsBinary, () => {
  let server: PrivateServer;
  let connection: Awaited<ReturnType<typeof natsConnection>>;
  let buckets = 0;
  beforeAll(async () => {
    server = await startNats();
    connection = await natsConnection([server.port]);
  });
  afterAll(async () => {
    await connection.close();
    await server[Symbol.asyncDispose]();
  });

  isConformant("leased", async () => {
    const store = await natsStore(await bucket(connection, `verify-${(buckets += 1)}`), { requestMsMax: waitMsMax });
    return { rules: { store }, ...ordersInMemory() };
  });
});
