import { type KV, Kvm } from "@nats-io/kv";
import { connect } from "@nats-io/transport-node";
import { context, metrics, trace } from "@opentelemetry/api";
import { httpBatchLink } from "@trpc/client";
import { create, getAdapter } from "axios";
import { drizzle } from "drizzle-orm/node-postgres";
import { drizzle as drizzlePostgresJs } from "drizzle-orm/postgres-js";
import { Cluster, Redis } from "ioredis";
import knex from "knex";
import { Kysely, PostgresDialect } from "kysely";
import { createPool, type PoolConnection } from "mysql2/promise";
import { retryingAdapter } from "once-again/axios";
import { retryingFetch } from "once-again/client";
import { onceWeb } from "once-again/web";
import { clientTelemetry, serverTelemetry } from "once-again/opentelemetry";
import { mariadbStore } from "once-again/stores/mariadb";
import { natsStore } from "once-again/stores/nats";
import {
  type CallersTransaction,
  fromDrizzle,
  fromKnex,
  fromKysely,
  fromPg,
  fromPostgresJs,
  onceWithin,
  postgresIntents,
  postgresStore,
} from "once-again/stores/postgres";
import { redisStore } from "once-again/stores/redis";
import { retryInterceptor } from "once-again/undici";
import { Pool, type PoolClient } from "pg";
import postgres, { type ReservedSql } from "postgres";
import { createClient, createCluster, createClientPool } from "redis";
import { Agent, type Dispatcher } from "undici";
import { Agent as Agent8, type Dispatcher as Dispatcher8 } from "undici8";

// Users' own clients fit the packed types, without a cast, and their handlers get them back. It is compiled, never run.

const pool = new Pool();
const sql = postgres();
const mariadbPool = createPool("mysql://localhost");

export const leased = [
  redisStore(new Redis()),
  redisStore(new Cluster(["localhost"])),
  redisStore(createClient()),
  redisStore(createClientPool()),
  redisStore(createCluster({ rootNodes: [] })),
  await natsStore(await new Kvm(await connect()).create("keys")),
  natsStore({} as KV),
].map(async (store) => onceWeb({ store: await store, scope: "public" }, () => new Response()));

export const transactional = [
  onceWeb({ mode: "transactional", store: postgresStore(pool), scope: "public" }, async (_, { transaction }) => {
    const client: PoolClient = transaction;
    return Response.json((await client.query<{ id: number }>("SELECT 1 AS id")).rows[0]?.id);
  }),
  onceWeb({ mode: "transactional", store: postgresStore(sql), scope: "public" }, async (_, { transaction }) => {
    const reserved: ReservedSql = transaction;
    return Response.json(await reserved`SELECT 1`);
  }),
  onceWeb({ mode: "transactional", store: mariadbStore(mariadbPool), scope: "public" }, async (_, { transaction }) => {
    const connection: PoolConnection = transaction;
    return Response.json(await connection.query("SELECT 1"));
  }),
];

export const intents = [postgresIntents(pool), postgresIntents(sql)];

const operation = { scope: "acme", key: "order-7", fingerprint: "f", retentionMs: 60_000 };
const within = (transaction: CallersTransaction) => onceWithin(transaction, operation, async () => Uint8Array.of(1));

export const withinTheirs = [
  within(fromPg(await pool.connect())),
  sql.begin((tx) => within(fromPostgresJs(tx))),
  new Kysely<object>({ dialect: new PostgresDialect({ pool }) })
    .transaction()
    .execute((trx) => within(fromKysely(trx))),
  drizzle(pool).transaction((tx) => within(fromDrizzle(tx))),
  drizzlePostgresJs(sql).transaction((tx) => within(fromDrizzle(tx))),
  knex({ client: "pg" }).transaction((trx) => within(fromKnex(trx))),
];

export const composed: Dispatcher[] = [new Agent().compose(retryInterceptor())];
export const composed8: Dispatcher8[] = [new Agent8().compose(retryInterceptor())];
export const axios = create({ adapter: retryingAdapter(getAdapter(["http", "fetch"])) });

const meter = metrics.getMeter("shop");
export const telemetry = [
  clientTelemetry({ tracer: trace.getTracer("shop"), meter, trace, context }),
  serverTelemetry({ meter }),
];

export const trpc = httpBatchLink({ url: "http://shop.example", fetch: retryingFetch() });
