import { Pool } from "pg";
import postgres from "postgres";
import { describe, expect, test } from "vitest";
import type { OpenTransaction } from "../../packages/testing/src/outbox-contract/outbox-case.ts";
import {
  fromPg,
  type PostgresTransaction,
  type PostgresOutbox,
  postgresOutbox,
} from "../../packages/once-again/src/stores/postgres/index.ts";
import type { ClaimedBatch } from "../../packages/once-again/src/stores/outbox-store.ts";
import { withLiterals } from "../../packages/once-again/src/stores/postgres/statements.ts";
import { outboxStatements } from "../../packages/once-again/src/stores/postgres/outbox-statements.ts";
import { outboxContract } from "../../packages/testing/src/outbox-contract/outbox-contract.ts";
import { databases, pgPool } from "../postgres/databases.ts";
import { describeWithServer } from "../support/servers/describe-with-server.ts";
import { postgresBinary } from "../support/servers/postgres.ts";
import { beginInPostgres } from "../support/outbox/transactions.ts";

/** An outbox through one of the clients that users have, and transactions through the same. */
interface Client {
  readonly outbox: (tablePrefix: string) => PostgresOutbox;
  begin(): Promise<OpenTransaction<PostgresTransaction>>;
  close(): Promise<void>;
}

type Claimed = Readonly<Record<"id" | "ordering_key", string>>;

const connectionsMax = 70;

const withPg = (url: string, toTransaction: (client: Parameters<typeof fromPg>[0]) => PostgresTransaction): Client => {
  const pool = new Pool({ connectionString: url, max: connectionsMax });
  return {
    outbox: (tablePrefix) => postgresOutbox(pool, { tablePrefix }),
    async begin() {
      const { transaction, ...ends } = await beginInPostgres(pool);
      return { transaction: toTransaction(transaction), ...ends };
    },
    close: () => pool.end(),
  };
};

const withPostgresJs = (url: string): Client => {
  const sql = postgres(url, { max: connectionsMax, onnotice: () => undefined });
  return {
    outbox: (tablePrefix) => postgresOutbox(sql, { tablePrefix }),
    async begin() {
      const begun = Promise.withResolvers<postgres.TransactionSql>();
      const ended = Promise.withResolvers<void>();
      const done = sql.begin(async (transaction) => {
        begun.resolve(transaction);
        await ended.promise;
      });
      const rolledBack = new Error("rolled back");
      return {
        transaction: await begun.promise,
        async commit() {
          ended.resolve();
          await done;
        },
        async rollback() {
          ended.reject(rolledBack);
          await done.catch((error: unknown) => expect(error).toBe(rolledBack));
        },
      };
    },
    close: () => sql.end({ timeout: 1 }),
  };
};

const clients: Record<string, (url: string) => Client> = {
  "a client of pg": (url) => withPg(url, (client) => client),
  "fromPg, which has no parameters": (url) => withPg(url, fromPg),
  "the sql of postgres": withPostgresJs,
};

describeWithServer("the outbox in PostgreSQL", postgresBinary, () => {
  const { server, create } = databases({ settings: { max_connections: "200" } });

  describe.for(Object.keys(clients))("through %s", (name) => {
    const cases = outboxContract<PostgresTransaction>({
      async open(records) {
        const client = clients[name]!(server().url);
        const outbox = client.outbox(`${records}_`);
        await outbox.migrate();
        return { outbox, begin: () => client.begin(), close: () => client.close() };
      },
    });
    for (const { name, run } of cases) test(name, run);
  });

  test("any number of processes may migrate at a time, and again", async () => {
    const url = await create();
    await Promise.all(Array.from({ length: 8 }, () => postgresOutbox(pgPool(url)).migrate()));
    const outbox = postgresOutbox(pgPool(url));
    await outbox.migrate();
    expect(await outbox.listUnconfirmed()).toEqual([]);
  });

  test("an outbox without its table says what to do", async () => {
    const outbox = postgresOutbox(pgPool(await create()));
    await expect(outbox.backlog()).rejects.toMatchObject({
      code: "ONCE_STORE_UNAVAILABLE",
      message: expect.stringContaining("migrate()"),
    });
  });

  test("what is no open transaction is refused before anything is written", async () => {
    const url = await create();
    const pool = pgPool(url);
    const sql = postgres(url, { max: 1 });
    const outbox = postgresOutbox(pool);
    await outbox.migrate();
    const client = await pool.connect();
    const message = { topic: "orders", body: "no" };
    for (const given of [pool, sql, client, undefined, {}, { executeQuery: async () => ({ rows: [] }) }]) {
      await expect(outbox.add(given as never, message)).rejects.toMatchObject({ code: "ONCE_OPTION_INVALID" });
    }
    client.release();
    await sql.end();
    expect(await outbox.backlog()).toMatchObject({ messages: 0 });
  });
});

describeWithServer("relays of a PostgreSQL with unusual settings", postgresBinary, () => {
  const { create } = databases({ settings: { autovacuum: "off" } });

  test.for(["read committed", "repeatable read", "serializable"])(
    "claim side by side where the default isolation is %s, and no claim fails",
    async (isolation) => {
      const url = `${await create()}?options=-c%20default_transaction_isolation%3D${isolation.replace(" ", "%5C%20")}`;
      const outbox = postgresOutbox(pgPool(url));
      await outbox.migrate();
      expect((await pgPool(url).query("SHOW transaction_isolation")).rows).toEqual([
        { transaction_isolation: isolation },
      ]);
      const { transaction, commit } = await beginInPostgres(pgPool(url));
      for (let index = 0; index < 100; index += 1) {
        const orderingKey = index % 2 === 0 ? undefined : `key ${index % 20}`;
        await outbox.add(transaction, { id: `${index}`, topic: "orders", orderingKey, body: "{}" });
      }
      await commit();
      const published: string[] = [];
      const relay = async (owner: string): Promise<void> => {
        const relayed = postgresOutbox(pgPool(url));
        for (let isOver = false; !isOver; isOver = (await relayed.backlog()).messages === 0) {
          const { batches } = await relayed.claim({ owner, leaseMs: 600_000, limit: 3, messagesPerKey: 10 });
          const messages = batches.flatMap((batch) => batch.messages);
          published.push(...messages.map(({ id }) => id));
          await relayed.confirm(messages.map(({ position }) => position));
        }
      };
      await Promise.all(["one", "two", "three", "four"].map(relay));
      expect([published.length, new Set(published).size]).toEqual([100, 100]);
    },
  );

  test("claim nothing twice, and return all that they claim, while messages come into another line", async () => {
    const url = await create();
    const pool = pgPool(url);
    const outbox = postgresOutbox(pool);
    await outbox.migrate();
    const { transaction, commit } = await beginInPostgres(pool);
    const ids = ["first", "second", "third", "fourth"];
    for (const id of ids) await outbox.add(transaction, { id, topic: "orders", body: "{}" });
    await commit();
    const move = async (owner: string, untried: string): Promise<void> => {
      const { batches } = await outbox.claim({ owner, leaseMs: 600_000, limit: 10, messagesPerKey: 10 });
      const messages = batches.flatMap((batch) => batch.messages);
      expect(messages.map(({ id }) => id).sort()).toEqual(ids.toSorted());
      const givenBack = { owner, place: "full", refusal: "is full", delayMs: 0 };
      const lineOf = (id: string): ClaimedBatch["line"] => (id === untried ? "untried" : "failed");
      await outbox.postpone(messages.map(({ id, position }) => ({ ...givenBack, position, line: lineOf(id) })));
    };
    await move("one", "first");

    // A claim that has seen the table, and waits for the clock before it locks a message.
    await pool.query(`CREATE SCHEMA paused;
      CREATE FUNCTION paused.clock_timestamp() RETURNS timestamptz LANGUAGE plpgsql AS
        $$ BEGIN PERFORM pg_advisory_lock_shared(1); RETURN pg_catalog.clock_timestamp(); END $$`);
    const gate = await pool.connect();
    await gate.query("SELECT pg_advisory_lock(1)");
    const { claimKeys } = outboxStatements("once_again_");
    const paused = pgPool(`${url}?options=-c%20search_path%3Dpaused,pg_catalog,public`);
    const claiming = paused.query<Claimed>(withLiterals(claimKeys, ["paused", 600_000, 10, "", 10]));
    const isPaused = `SELECT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND NOT granted) AS yes`;
    await expect.poll(async () => (await pool.query(isPaused)).rows).toEqual([{ yes: true }]);
    await move("other", "fourth");
    await gate.query("SELECT pg_advisory_unlock(1)");
    gate.release();

    const claimed = (await claiming).rows.map(({ id, ordering_key }) => ({ id, ordering_key }));
    const leased = "SELECT id, ordering_key FROM once_again_outbox WHERE owner = 'paused' ORDER BY position";
    expect(claimed).toEqual((await pool.query<Claimed>(leased)).rows);
    expect(claimed.map(({ id }) => id)).toEqual(["second", "third"]);
  });

  test("claim by an index in a table that was never analysed, without a sort of the backlog", async () => {
    const pool = pgPool(await create());
    await postgresOutbox(pool).migrate();
    await pool.query(`INSERT INTO once_again_outbox (id, topic, headers, body, added_at, due_at)
      SELECT n::text, 'orders', '{}', '', 0, 0 FROM generate_series(1, 50000) AS n`);
    const { claimKeyless } = outboxStatements("once_again_");
    const claim = withLiterals(claimKeyless, ["owner", 60_000, 128, 0]);
    const { rows } = await pool.query<{ "QUERY PLAN": string }>(`EXPLAIN ${claim}`);
    const plan = rows.map((row) => row["QUERY PLAN"]).join("\n");
    expect(plan).toContain("Index Scan using once_again_outbox_free");
    expect(plan).not.toContain("Sort");
  });

  test("what is unconfirmed is found by an index in a backlog that was never analysed", async () => {
    const pool = pgPool(await create());
    await postgresOutbox(pool).migrate();
    await pool.query(`INSERT INTO once_again_outbox (id, topic, headers, body, added_at, due_at)
      SELECT n::text, 'orders', '{}', '', 0, 0 FROM generate_series(1, 50000) AS n`);
    const { list, show, listPlaces, backlog } = outboxStatements("once_again_");
    const values = { [list.waiting]: [0, 100], [show.waiting]: ["7", 10], [listPlaces]: [], [backlog]: [] };
    for (const [statement, given] of Object.entries(values)) {
      const { rows } = await pool.query<{ "QUERY PLAN": string }>(`EXPLAIN ${withLiterals(statement, given)}`);
      const plan = rows.map((row) => row["QUERY PLAN"]).join("\n");
      expect(plan, statement).toContain("once_again_outbox_waiting");
    }
  });
});

describeWithServer("the outbox in a PostgreSQL, while its synchronous standby is away", postgresBinary, () => {
  const { create } = databases({ settings: { synchronous_standby_names: "away", synchronous_commit: "local" } });

  test("relays claim, give back and remove without waiting for it, or for the disk", async () => {
    const url = await create();
    const outbox = postgresOutbox(pgPool(url));
    await outbox.migrate();
    const { transaction, commit } = await beginInPostgres(pgPool(url));
    await outbox.add(transaction, { id: "keyless", topic: "orders", body: "{}" });
    await outbox.add(transaction, { id: "keyed", topic: "orders", orderingKey: "key", body: "{}" });
    await commit();

    const waiting = pgPool(`${url}?options=-c%20synchronous_commit%3Don`);
    const setting = async (): Promise<unknown> => (await waiting.query("SHOW synchronous_commit")).rows[0];
    expect(await setting()).toEqual({ synchronous_commit: "on" });
    const relayed = postgresOutbox(waiting);
    const claim = async (owner: string) => {
      const { batches } = await relayed.claim({ owner, leaseMs: 60_000, limit: 10, messagesPerKey: 10 });
      return batches.flatMap(({ messages }) => messages);
    };
    const claimed = await claim("one");
    expect(claimed.map(({ id }) => id)).toEqual(["keyless", "keyed"]);
    await relayed.postpone(claimed.map(({ position }) => ({ position, owner: "one", delayMs: 0 })));
    await relayed.confirm((await claim("other")).map(({ position }) => position));
    expect((await outbox.backlog()).messages).toBe(0);
    // Only those statements: what else the connections do is as it was.
    expect(await setting()).toEqual({ synchronous_commit: "on" });
  });
});
