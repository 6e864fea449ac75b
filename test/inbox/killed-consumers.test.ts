import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { setTimeout } from "node:timers/promises";
import { connect } from "@nats-io/transport-node";
import { Queue } from "bullmq";
import { Redis } from "ioredis";
import type { RowDataPacket } from "mysql2";
import { describe, expect, onTestFinished, test } from "vitest";
import { mariadbStore } from "../../packages/once-again/src/stores/mariadb/index.ts";
import { natsStore } from "../../packages/once-again/src/stores/nats/index.ts";
import { postgresStore } from "../../packages/once-again/src/stores/postgres/index.ts";
import { redisStore } from "../../packages/once-again/src/stores/redis/index.ts";
import { sqliteStore } from "../../packages/once-again/src/stores/sqlite/index.ts";
import type { Store } from "../../packages/once-again/src/stores/store.ts";
import { databases as mariadbDatabases, mariadbPool } from "../mariadb/databases.ts";
import { bucket, natsConnection } from "../nats/buckets.ts";
import { databases as postgresDatabases, pgPool } from "../postgres/databases.ts";
import { type Child, startChild } from "../support/child.ts";
import { describeWithServer } from "../support/servers/describe-with-server.ts";
import { mariadbBinary } from "../support/servers/mariadb.ts";
import { startFauxqs } from "../support/servers/fauxqs.ts";
import { natsBinary, startNats, streamMaker } from "../support/servers/nats.ts";
import { postgresBinary } from "../support/servers/postgres.ts";
import type { PrivateServer } from "../support/servers/private-server.ts";
import { startRabbitmq } from "../support/servers/rabbitmq.ts";
import { redisBinary, startRedis } from "../support/servers/redis.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import {
  type Broker,
  closeLater,
  emptied,
  openJetstream,
  openRabbitmq,
  openRedis,
  openSqs,
  serverOf,
} from "./brokers.ts";
import type { ChildTask } from "./consumer-child.ts";

// A consumer that is killed between its effect and its acknowledgement: the broker has its message again.

const servers: Record<ChildTask["broker"], () => Promise<PrivateServer>> = {
  rabbitmq: startRabbitmq,
  jetstream: () => startNats(),
  redis: () => startRedis(),
  bullmq: () => startRedis(),
  sqs: startFauxqs,
};

/** Puts one message into the broker, and says how to wait until it is acknowledged. */
const sends: Record<
  ChildTask["broker"],
  (server: PrivateServer) => Promise<{ acknowledged: () => Promise<void>; letters: Broker["letters"] }>
> = {
  rabbitmq: async (server) => sendTo(await openRabbitmq(server)),
  async jetstream(server) {
    const broker = await openJetstream(server);
    const connection = closeLater(await connect({ servers: server.url }));
    await (await streamMaker(connection)).consumers.update("orders", "billing", { max_ack_pending: 1 });
    return sendTo(broker);
  },
  redis: async (server) => sendTo(await openRedis("ioredis")(server)),
  sqs: async (server) => sendTo(await openSqs()(server)),
  async bullmq(server) {
    const connection = new Redis(server.url, { maxRetriesPerRequest: null });
    onTestFinished(() => connection.disconnect());
    const queue = closeLater(new Queue("billing", { connection }));
    await queue.add("charge", "tea", { jobId: "order-7" });
    const acknowledged = async (): Promise<void> => {
      while ((await queue.getCompletedCount()) < 1) await setTimeout(20);
    };
    return { acknowledged, letters: async () => [] };
  },
};

async function sendTo(broker: Broker) {
  await broker.send("order-7", "tea");
  return { acknowledged: () => emptied(broker), letters: () => broker.letters() };
}

/** A store, and the effects beside it: in its tables, or in a file. */
interface Place extends Pick<ChildTask, "store" | "records" | "effects"> {
  readonly keys: Pick<Store, "list">;
  happened(): Promise<string[]>;
}

type Kill = Pick<ChildTask, "broker" | "highWaterMark" | "stuckAt">;

/** Kills a consumer where it stands still, and has another one handle its message to the end. */
async function killAndTakeOver(place: Place, { broker, highWaterMark, stuckAt }: Kill) {
  const server = await servers[broker]();
  onTestFinished(() => server[Symbol.asyncDispose]());
  const { acknowledged, letters } = await sends[broker](server);
  const { store, records, effects, happened } = place;
  const start = (more: Pick<ChildTask, "stuckAt">): Child => {
    const task: ChildTask = { broker, highWaterMark, url: server.url, store, records, effects, ...more };
    return startChild("../inbox/consumer-child.ts", JSON.stringify(task));
  };
  const says = async (child: Child, what: string): Promise<void> => {
    while ((await child.line()) !== what);
  };
  const first = start({ stuckAt });
  await says(first, stuckAt === "effect" ? "effect" : "acknowledging");
  const atDeath = await happened();
  await first.kill();
  await says(start({}), "acknowledging");
  await acknowledged();
  return { atDeath, inTheEnd: await happened(), letters: await letters() };
}

const inTransaction = { atDeath: [], inTheEnd: ["tea"], letters: [] };
const committed = { atDeath: ["tea"], inTheEnd: ["tea"], letters: [] };

/** The cases of a store with transactions. */
function transactionalCases(open: () => Promise<Place>, kills: readonly Kill[]): void {
  test.for(kills)("$broker, by a mark: $highWaterMark, killed at its $stuckAt", async (kill) => {
    const place = await open();
    const found = await killAndTakeOver(place, kill);
    expect(found).toEqual(kill.stuckAt === "effect" ? inTransaction : committed);
    const { length } = await place.keys.list({});
    expect(length, "a mark takes the place of records").toBe(kill.highWaterMark === true ? 0 : 1);
  });
}

/** The cases of one without, where the effect is elsewhere. */
function leasedCases(open: () => Promise<Place>, broker: ChildTask["broker"]): void {
  test(`${broker}: killed at its acknowledgement, it is known to be done`, async () => {
    const place = await open();
    expect(await killAndTakeOver(place, { broker, stuckAt: "acknowledgement" })).toEqual(committed);
    expect(await place.keys.list({ state: "done" })).toMatchObject([{ scope: "billing", key: "order-7" }]);
  });

  test(`${broker}: killed after its effect, it is a dead letter, and held`, async () => {
    const place = await open();
    expect(await killAndTakeOver(place, { broker, stuckAt: "effect" })).toMatchObject({
      ...committed,
      letters: [{ id: "order-7", body: "tea", reason: "outcome-unknown", consumer: "billing" }],
    });
    expect(await place.keys.list({ state: "abandoned" })).toMatchObject([{ scope: "billing", key: "order-7" }]);
  });
}

/** Effects in a file. */
function effectsInFile(): Pick<Place, "effects" | "happened"> {
  const effects = join(temporaryFolder(), "effects");
  const happened = async () => (existsSync(effects) ? readFileSync(effects, "utf8").split("\n").slice(0, -1) : []);
  return { effects, happened };
}

const bodies = (rows: readonly object[]): string[] =>
  rows.map((row) => (row as { body: string }).body.replaceAll('"', ""));
const createEffects = "CREATE TABLE effects (body text NOT NULL)";

describeWithServer("a consumer that is killed, on PostgreSQL", postgresBinary, () => {
  const { create } = postgresDatabases();
  const open = async (): Promise<Place> => {
    const records = await create();
    const pool = pgPool(records);
    const keys = postgresStore(pool);
    await keys.migrate();
    await pool.query(createEffects);
    const happened = async () => bodies((await pool.query("SELECT body FROM effects")).rows as object[]);
    return { store: "postgres", records, effects: "", keys, happened };
  };
  transactionalCases(open, [
    { broker: "rabbitmq", stuckAt: "acknowledgement" },
    { broker: "rabbitmq", stuckAt: "effect" },
    { broker: "jetstream", stuckAt: "acknowledgement" },
    { broker: "jetstream", highWaterMark: true, stuckAt: "acknowledgement" },
    { broker: "jetstream", highWaterMark: true, stuckAt: "effect" },
    { broker: "redis", stuckAt: "acknowledgement" },
    { broker: "bullmq", stuckAt: "acknowledgement" },
  ]);
});

const manyKills: readonly Kill[] = [
  { broker: "rabbitmq", stuckAt: "acknowledgement" },
  { broker: "rabbitmq", stuckAt: "effect" },
  { broker: "jetstream", highWaterMark: true, stuckAt: "acknowledgement" },
  { broker: "jetstream", highWaterMark: true, stuckAt: "effect" },
];

describeWithServer("a consumer that is killed, on MariaDB", mariadbBinary, () => {
  const { create } = mariadbDatabases();
  const open = async (): Promise<Place> => {
    const records = await create();
    const pool = mariadbPool(records);
    const keys = mariadbStore(pool);
    await keys.migrate();
    await pool.query(createEffects);
    const happened = async () => bodies((await pool.query<RowDataPacket[]>("SELECT body FROM effects"))[0]);
    return { store: "mariadb", records, effects: "", keys, happened };
  };
  transactionalCases(open, manyKills);
});

describe("a consumer that is killed, on SQLite", () => {
  const open = async (): Promise<Place> => {
    const records = join(temporaryFolder(), "shop.db");
    const keys = closeLater(sqliteStore({ path: records }));
    const database = new DatabaseSync(records, { timeout: 5000 });
    onTestFinished(() => database.close());
    database.exec(createEffects);
    const happened = async () => bodies(database.prepare("SELECT body FROM effects").all());
    return { store: "sqlite", records, effects: "", keys, happened };
  };
  transactionalCases(open, [
    ...manyKills,
    { broker: "sqs", stuckAt: "acknowledgement" },
    { broker: "sqs", stuckAt: "effect" },
  ]);
});

describeWithServer("a consumer that is killed, on Redis", redisBinary, () => {
  const server = serverOf(() => startRedis());
  const open = async (): Promise<Place> => {
    const client = new Redis(server().url);
    onTestFinished(() => client.disconnect());
    await client.flushall();
    return { store: "redis", records: server().url, keys: redisStore(client), ...effectsInFile() };
  };
  leasedCases(open, "rabbitmq");
});

describeWithServer("a consumer that is killed, on NATS", natsBinary, () => {
  const open = async (): Promise<Place> => {
    const server = await startNats();
    onTestFinished(() => server[Symbol.asyncDispose]());
    const connection = await natsConnection([server.port]);
    onTestFinished(() => connection.close());
    const keys = await natsStore(await bucket(connection, "keys"));
    return { store: "nats", records: `nats://127.0.0.1:${server.port}`, keys, ...effectsInFile() };
  };
  leasedCases(open, "jetstream");
});
