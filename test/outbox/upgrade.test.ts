import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { expect, onTestFinished, test } from "vitest";
import { mariadbOutbox } from "../../packages/once-again/src/stores/mariadb/index.ts";
import type { OutboxStore } from "../../packages/once-again/src/stores/outbox-store.ts";
import { postgresOutbox } from "../../packages/once-again/src/stores/postgres/index.ts";
import { sqliteOutbox } from "../../packages/once-again/src/stores/sqlite/index.ts";
import { databases as mariadbDatabases, mariadbPool } from "../mariadb/databases.ts";
import { databases as postgresDatabases, pgPool } from "../postgres/databases.ts";
import { describeWithServer } from "../support/servers/describe-with-server.ts";
import { mariadbBinary } from "../support/servers/mariadb.ts";
import { postgresBinary } from "../support/servers/postgres.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

/*
 * Outboxes as they were before their rows said where a message goes and when it was tried. Do not adapt the statements to the code:
 * processes of that version go on with the tables of this one while a roll-out lasts.
 */

/** Runs a statement of the test in the database. */
type Run = (statement: string) => Promise<unknown>;

/** Adds a message, and gives it back, as the version before does. */
const write = async (run: Run, id: string, end: { refusals?: number; parkedAt?: number } = {}): Promise<void> => {
  const { refusals = 0, parkedAt = "NULL" } = end;
  await run(`INSERT INTO once_again_outbox (id, topic, ordering_key, headers, body, added_at, due_at)
    VALUES ('${id}', 'orders', NULL, '{}', 'tea', 1000, 0)`);
  if (refusals > 0) {
    await run(`UPDATE once_again_outbox SET owner = NULL, due_at = 0, refusals = ${refusals}, refusal = 'no route',
      parked_at = ${parkedAt}, passed_key = NULL, ordering_key = NULL WHERE id = '${id}'`);
  }
};

/** Has `migrate` bring the table up to date, with rows in it, while processes of the version before go on. */
async function expectUpgraded(run: Run, migrate: () => Promise<OutboxStore<never>>): Promise<void> {
  await write(run, "waits");
  await write(run, "parked", { refusals: 10, parkedAt: 2000 });
  const outbox = await migrate();
  await write(run, "later");
  await write(run, "parked later", { refusals: 10, parkedAt: 3000 });
  const list = () => outbox.listUnconfirmed();
  expect(await list()).toMatchObject([
    { id: "parked", place: undefined, refusal: "no route", refusals: 10, parkedAt: 2000, triedAt: 2000 },
    { id: "parked later", parkedAt: 3000, triedAt: 3000 },
  ]);
  expect(await outbox.retryParked("parked")).toBe(true);
  expect(await list()).toMatchObject([
    { id: "parked", place: undefined, refusal: "no route", refusals: 0, parkedAt: undefined, triedAt: 2000 },
    { id: "parked later" },
  ]);
  expect(await outbox.backlog()).toMatchObject({ messages: 4, parked: 1, unconfirmed: 1, places: 1 });
  expect(await outbox.listPlaces()).toMatchObject([{ place: undefined, tried: 1, untried: 0, refusal: "no route" }]);
  const { batches } = await outbox.claim({ owner: "one", leaseMs: 60_000, limit: 10, messagesPerKey: 10 });
  const claimed = batches.flatMap(({ messages }) => messages);
  expect(claimed.map(({ id }) => id).toSorted()).toEqual(["later", "parked", "waits"]);
  const { position } = claimed.find(({ id }) => id === "later")!;
  const end = { position, owner: "one", delayMs: 0, place: "shop", refusal: "full", refusals: 1 };
  await outbox.postpone([end]);
  await migrate();
  const places = (await list()).map(({ id, place }) => [id, place]);
  expect(places).toEqual(
    expect.arrayContaining([
      ["parked", undefined],
      ["later", "shop"],
      ["parked later", undefined],
    ]),
  );
}

describeWithServer("an outbox of the version before, in PostgreSQL", postgresBinary, () => {
  const { create } = postgresDatabases();

  test("is brought up to date by any number of processes, and those of that version go on", async () => {
    const url = await create();
    const pool = pgPool(url);
    await pool.query(`
      CREATE TABLE once_again_outbox (
        position bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, id text NOT NULL, topic text NOT NULL,
        ordering_key text COLLATE "C", passed_key text, headers text NOT NULL, body bytea NOT NULL,
        added_at bigint NOT NULL, due_at bigint NOT NULL, owner text, refusals integer NOT NULL DEFAULT 0,
        refusal text, parked_at bigint);
      CREATE INDEX once_again_outbox_free ON once_again_outbox (position) WHERE num_nonnulls(ordering_key, parked_at) < 1;
      CREATE INDEX once_again_outbox_keyed ON once_again_outbox (ordering_key, position) WHERE ordering_key IS NOT NULL;
      CREATE INDEX once_again_outbox_parked ON once_again_outbox (position) WHERE parked_at IS NOT NULL;`);
    await expectUpgraded(
      (statement) => pool.query(statement),
      async () => {
        await Promise.all(Array.from({ length: 8 }, () => postgresOutbox(pgPool(url)).migrate()));
        return postgresOutbox(pool);
      },
    );
  });

  test("a migration that is run again takes no lock for which those who read and add wait", async () => {
    const pool = pgPool(await create());
    const outbox = postgresOutbox(pool);
    await outbox.migrate();
    const client = await pool.connect();
    onTestFinished(() => client.release());
    await client.query(`BEGIN; ${outbox.schemaSql}`);
    const { rows } = await client.query<{ mode: string }>(
      "SELECT mode FROM pg_locks JOIN pg_class ON pg_class.oid = relation WHERE relname = 'once_again_outbox'",
    );
    await client.query("ROLLBACK");
    expect(rows.map(({ mode }) => mode)).not.toContain("AccessExclusiveLock");
  });
});

describeWithServer("an outbox of the version before, in MariaDB", mariadbBinary, () => {
  const { create } = mariadbDatabases();

  test("is brought up to date by any number of processes, and those of that version go on", async () => {
    const url = await create();
    const pool = mariadbPool(url);
    await pool.query(`
      CREATE TABLE once_again_outbox (
        position bigint NOT NULL AUTO_INCREMENT PRIMARY KEY, id varbinary(255) NOT NULL, topic varbinary(1024) NOT NULL,
        ordering_key varbinary(1024), passed_key varbinary(1024), headers longblob NOT NULL, body longblob NOT NULL,
        added_at bigint NOT NULL, due_at bigint NOT NULL, owner varbinary(255), refusals int NOT NULL DEFAULT 0,
        refusal blob, parked_at bigint, KEY once_again_outbox_keyed (ordering_key, position),
        KEY once_again_outbox_parked (parked_at, ordering_key, position)
      ) ENGINE = InnoDB ROW_FORMAT = DYNAMIC DEFAULT CHARACTER SET utf8mb4`);
    await expectUpgraded(
      (statement) => pool.query(statement),
      async () => {
        await Promise.all(Array.from({ length: 8 }, () => mariadbOutbox(mariadbPool(url)).migrate()));
        return mariadbOutbox(pool);
      },
    );
  });
});

test("an outbox of the version before, in SQLite, is brought up to date by opening it", async () => {
  const path = join(temporaryFolder(), "shop.db");
  const database = new DatabaseSync(path, { timeout: 5000 });
  onTestFinished(() => database.close());
  database.exec(`
    PRAGMA journal_mode = WAL;
    CREATE TABLE once_again_outbox (
      position INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL, topic TEXT NOT NULL, ordering_key TEXT, passed_key TEXT,
      headers TEXT NOT NULL, body BLOB NOT NULL, added_at INTEGER NOT NULL, due_at INTEGER NOT NULL, owner TEXT,
      refusals INTEGER NOT NULL DEFAULT 0, refusal TEXT, parked_at INTEGER);
    CREATE INDEX once_again_outbox_keyless ON once_again_outbox (position) WHERE ordering_key IS NULL AND parked_at IS NULL;
    CREATE INDEX once_again_outbox_keyed ON once_again_outbox (ordering_key, position) WHERE ordering_key IS NOT NULL;
    CREATE INDEX once_again_outbox_parked ON once_again_outbox (position) WHERE parked_at IS NOT NULL`);
  const open = () => {
    const outbox = sqliteOutbox({ path });
    onTestFinished(() => outbox.close());
    return outbox;
  };
  await expectUpgraded(
    async (statement) => database.exec(statement.replace("'tea'", "x'746561'")),
    async () => Array.from({ length: 4 }, open)[0]!,
  );
});
