import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { Client } from "pg";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openRelay } from "../../packages/once-again/src/messaging/outbox/index.ts";
import { postgresOutbox } from "../../packages/once-again/src/stores/postgres/index.ts";
import { databases as mariadbDatabases } from "../mariadb/databases.ts";
import { databases, pgPool } from "../postgres/databases.ts";
import { killedRelays, relayRuns, relaysInOrder } from "../support/outbox/relay-runs.ts";
import { describeWithServer } from "../support/servers/describe-with-server.ts";
import { mariadbBinary } from "../support/servers/mariadb.ts";
import { motoBinary, startMoto } from "../support/servers/moto.ts";
import { postgresBinary } from "../support/servers/postgres.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

describeWithServer("relays on PostgreSQL", postgresBinary, () => {
  const { create } = databases({ settings: { max_connections: "200" } });

  relayRuns("postgres", create);

  test("a relay outlives its database, and publishes what commits after that", async () => {
    const url = await create();
    const pool = pgPool(url, { max: 4 });
    const outbox = postgresOutbox(pool);
    await outbox.migrate();
    const ids: string[] = [];
    const types: string[] = [];
    const relay = openRelay({
      outbox,
      publish: async ({ id }) => void ids.push(id),
      pollMs: 50,
      onEvent: ({ type }) => void types.push(type),
    });
    const add = async (id: string): Promise<void> => {
      const client = new Client({ connectionString: url });
      await client.connect();
      await client.query("BEGIN");
      await outbox.add(client, { id, topic: "orders", body: "" });
      await client.query("COMMIT");
      await client.end();
    };
    await add("before");
    while (ids.length < 1) await setTimeout(10);
    await pool.query(
      "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND datname = current_database()",
    );
    await add("after");
    while (ids.length < 2) await setTimeout(10);
    await relay.close();
    expect(ids).toEqual(["before", "after"]);
    expect(types).toContain("fault");
  });

  test("a commit wakes a relay that would not look for an hour", async () => {
    const url = await create();
    const outbox = postgresOutbox(pgPool(url, { max: 4 }));
    await outbox.migrate();
    const published = Promise.withResolvers<string>();
    const relay = openRelay({ outbox, publish: async ({ id }) => published.resolve(id), pollMs: 3_600_000 });
    await relay.idle();
    const client = await pgPool(url).connect();
    // Its LISTEN may still be under way: what commits before is found when it is there.
    await client.query("BEGIN");
    await outbox.add(client, { id: "woken", topic: "orders", body: "" });
    await client.query("COMMIT");
    client.release();
    expect(await published.promise).toBe("woken");
    await relay.close();
  });
});

describeWithServer("relays on MariaDB", mariadbBinary, () => {
  relayRuns("mariadb", mariadbDatabases().create);
});

describeWithServer("relays on DynamoDB, by moto", motoBinary, () => {
  let server: Awaited<ReturnType<typeof startMoto>>;
  beforeAll(async () => {
    server = await startMoto();
  });
  afterAll(() => server[Symbol.asyncDispose]());
  // The emulator takes one request at a time.
  relaysInOrder("dynamodb", async () => server.url, 200);
  killedRelays("dynamodb", async () => server.url, { writersMax: 120, messagesPerKill: 40 });
});

describe("relays on SQLite", () => {
  relayRuns("sqlite", async () => join(temporaryFolder(), "app.db"));
});
