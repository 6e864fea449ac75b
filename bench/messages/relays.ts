import { once } from "node:events";
import { run as runGraphile, runMigrations } from "graphile-worker";
import { Pool } from "pg";
import PgBoss from "pg-boss";
import {
  DatabaseSetup,
  getDisabledLogger,
  initializePollingMessageListener,
  type PollingListenerConfig,
} from "pg-transactional-outbox";
import { openRelay, type Publish } from "../../packages/once-again/src/messaging/outbox/index.ts";
import { postgresOutbox } from "../../packages/once-again/src/stores/postgres/index.ts";
import { body, queue } from "./message.ts";

/** How much is with the broker at a time, or in one batch of a peer: the default of our relay. */
export const concurrency = 64;

/** Where messages are, and what takes them from there to the broker. */
export interface BenchRelay {
  /** Makes its tables. */
  readonly prepare: (pool: Pool) => Promise<void>;
  /** Adds so many messages, committed. */
  readonly fill: (pool: Pool, count: number) => Promise<void>;
  /** Begins to hand messages to the broker; the function ends it. */
  readonly start: (url: string, publish: Publish) => Promise<() => Promise<unknown>>;
}

const onceAgain = (orderingKeys: number): BenchRelay => ({
  prepare: (pool) => postgresOutbox(pool).migrate(),
  async fill(pool, count) {
    const key = orderingKeys === 0 ? "NULL" : `'key-' || i % ${orderingKeys}`;
    await pool.query(
      `INSERT INTO once_again_outbox (id, topic, ordering_key, headers, body, added_at, due_at)
       SELECT gen_random_uuid()::text, $1, ${key}, '{}', convert_to($2, 'UTF8'), 0, 0 FROM generate_series(1, $3) AS i`,
      [queue, body, count],
    );
  },
  async start(url, publish) {
    const pool = new Pool({ connectionString: url });
    const relay = openRelay({ outbox: postgresOutbox(pool), publish });
    return async () => {
      await relay.close();
      await pool.end();
    };
  },
});

const peerMessage = (id: string): Parameters<Publish>[0] => ({
  id,
  topic: queue,
  orderingKey: undefined,
  headers: {},
  body: new TextEncoder().encode(body),
  addedAt: 0,
});
const forever = { signal: new AbortController().signal };

/** npm pg-transactional-outbox, polling: as many a batch as we have at a time, asked again after 10 ms. */
const pollingOutbox: BenchRelay = {
  async prepare(pool) {
    const setup = {
      outboxOrInbox: "outbox" as const,
      database: "postgres",
      schema: "public",
      table: "outbox",
      listenerRole: "postgres",
      nextMessagesName: "next_outbox_messages",
    };
    await pool.query(DatabaseSetup.dropAndCreateTable(setup));
    await pool.query(DatabaseSetup.createPollingFunction(setup));
    await pool.query(DatabaseSetup.setupPollingIndexes(setup));
  },
  async fill(pool, count) {
    await pool.query("DELETE FROM outbox");
    await pool.query(
      `INSERT INTO outbox (id, aggregate_type, aggregate_id, message_type, concurrency, payload)
       SELECT gen_random_uuid(), 'bench', i::text, 'bench', 'parallel', $1::jsonb FROM generate_series(1, $2) AS i`,
      [body, count],
    );
  },
  async start(url, publish) {
    const { hostname: host, port, username: user, pathname } = new URL(url);
    const config: PollingListenerConfig = {
      outboxOrInbox: "outbox",
      dbListenerConfig: { host, port: Number(port), user, database: pathname.slice(1) },
      settings: {
        dbSchema: "public",
        dbTable: "outbox",
        enableMaxAttemptsProtection: false,
        enablePoisonousMessageProtection: false,
        nextMessagesBatchSize: concurrency,
        nextMessagesFunctionName: "next_outbox_messages",
        nextMessagesPollingIntervalInMs: 10,
      },
    };
    const handler = { handle: async ({ id }: { id: string }) => void (await publish(peerMessage(id), forever)) };
    const [shutdown] = initializePollingMessageListener(config, handler, getDisabledLogger());
    return shutdown;
  },
};

const graphileWorker: BenchRelay = {
  prepare: (pool) => runMigrations({ pgPool: pool }),
  async fill(pool, count) {
    await pool.query("SELECT graphile_worker.add_job('publish', $1::json) FROM generate_series(1, $2)", [body, count]);
  },
  async start(url, publish) {
    const runner = await runGraphile({
      connectionString: url,
      concurrency,
      noHandleSignals: true,
      logger: new (await import("graphile-worker")).Logger(() => () => undefined),
      taskList: { publish: async (_payload, { job }) => void (await publish(peerMessage(job.id), forever)) },
    });
    return () => runner.stop();
  },
};

const pgBoss: BenchRelay = {
  async prepare(pool) {
    const boss = await startBoss(urlOf(pool));
    await boss.createQueue(queue);
    await boss.stop();
  },
  async fill(pool, count) {
    await pool.query("INSERT INTO pgboss.job (name, data) SELECT $1, $2::jsonb FROM generate_series(1, $3)", [
      queue,
      body,
      count,
    ]);
  },
  async start(url, publish) {
    const boss = await startBoss(url);
    await boss.work(queue, { batchSize: concurrency, pollingIntervalSeconds: 0.5 }, async (jobs) => {
      await Promise.all(jobs.map(({ id }) => publish(peerMessage(id), forever)));
    });
    return async () => {
      const stopped = once(boss, "stopped");
      await boss.stop({ graceful: false });
      await stopped;
    };
  },
};

async function startBoss(connectionString: string): Promise<PgBoss> {
  const boss = new PgBoss({ connectionString });
  boss.on("error", () => undefined);
  return boss.start();
}

const urlOf = (pool: Pool): string =>
  (pool as Pool & { options: { connectionString: string } }).options.connectionString;

const relays = {
  "once-again": onceAgain(0),
  "once-again, 1,000 ordering keys": onceAgain(1000),
  "pg-transactional-outbox": pollingOutbox,
  "graphile-worker": graphileWorker,
  "pg-boss": pgBoss,
} satisfies Record<string, BenchRelay>;

export type RelayName = keyof typeof relays;
export const relayNames = Object.keys(relays) as RelayName[];
export const relayOf = (name: RelayName): BenchRelay => relays[name];
