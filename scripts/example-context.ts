/** Code that declares the names which examples take from the reader's program. */
export const contextNames: Readonly<Record<string, string>> = {
  DurableContext: 'import type { DurableContext } from "@aws/durable-execution-sdk-js";',
  withDurableExecution: 'import { withDurableExecution } from "@aws/durable-execution-sdk-js";',
  Agent: 'import { Agent } from "undici";',
  Stripe: 'import Stripe from "stripe";',
  Controller: 'import { Controller } from "@nestjs/common";',
  Post: 'import { Post } from "@nestjs/common";',
  Get: 'import { Get } from "@nestjs/common";',
  Inject: 'import { Inject } from "@nestjs/common";',
  Module: 'import { Module } from "@nestjs/common";',
  NestFactory: 'import { NestFactory } from "@nestjs/core";',
  UseInterceptors: 'import { UseInterceptors } from "@nestjs/common";',
  DynamoDBClient: 'import { DynamoDBClient } from "@aws-sdk/client-dynamodb";',
  Kvm: 'import { Kvm } from "@nats-io/kv";',
  PrismaClient: 'import { PrismaClient } from "./orms/prisma/generated/client.ts";',
  Charge:
    'import { EntitySchema as ChargeSchema } from "typeorm"; declare const Charge: ChargeSchema & import("@mikro-orm/core").EntitySchema;',
  DataSource: 'import { DataSource } from "typeorm";',
  MikroORM: 'import { MikroORM } from "@mikro-orm/postgresql";',
  Sequelize: 'import { Sequelize } from "sequelize";',
  PrismaPg: 'import { PrismaPg } from "@prisma/adapter-pg";',
  Order: "interface Order { id: string; card: string; amount: number }",
  EventBridge: 'import { EventBridge } from "@aws-sdk/client-eventbridge";',
  Redis: 'import { Redis } from "ioredis";',
  SNS: 'import { SNS } from "@aws-sdk/client-sns";',
  SQS: 'import { SQS } from "@aws-sdk/client-sqs";',
  SQSClient: 'import { SQSClient } from "@aws-sdk/client-sqs";',
  Worker: 'import { Worker } from "bullmq";',
  accountOf: "declare function accountOf(authorization: string | undefined): string;",
  amqplib: 'import amqplib from "amqplib";',
  app: 'declare const app: import("express").Express;',
  axios: 'import axios from "axios";',
  bank: "declare const bank: { countCharges(): Promise<number> };",
  body: "declare const body: string;",
  buildReport: "declare function buildReport(signal?: AbortSignal): Promise<string>;",
  channel: 'declare const channel: import("amqplib").ChannelModel;',
  charge: "declare function charge(order: unknown, more?: unknown): Promise<Uint8Array<ArrayBuffer>>;",
  chargeCard: "declare function chargeCard(order: unknown): Promise<string>;",
  connection: 'declare const connection: import("amqplib").ChannelModel;',
  createOrder: "declare function createOrder(...parts: unknown[]): Promise<{ id: string }>;",
  DurableObject: 'import { DurableObject } from "cloudflare:workers";',
  createClient: 'import { createClient } from "@libsql/client";',
  createServer: 'import { createServer } from "node:http";',
  database:
    "declare const database: { countOrders(): Promise<number>; query(text: string, options: object): Promise<string[]> };",
  express: 'import express from "express";',
  fulfil: "declare function fulfil(order: unknown): Promise<void>;",
  headers: 'import { headers } from "@nats-io/transport-node";',
  id: "declare const id: string;",
  inbox: 'declare const inbox: import("once-again/inbox").Inbox<undefined>;',
  item: "declare const item: string;",
  jetstream: 'import { jetstream } from "@nats-io/jetstream";',
  kafka: 'declare const kafka: import("kafkajs").Kafka;',
  key: "declare const key: string;",
  knex: 'declare const knex: import("knex").Knex;',
  message: "declare const message: { id: string; hash: string };",
  metrics: 'import { metrics } from "@opentelemetry/api";',
  mysql: 'import mysql from "mysql2/promise";',
  order: "declare const order: { id: string; card: string; amount: number };",
  outbox: 'declare const outbox: Parameters<typeof import("once-again/outbox").openRelay>[0]["outbox"];',
  payments: "declare const payments: { charge(...parts: unknown[]): Promise<{ id: string }> };",
  pg: 'import pg from "pg";',
  pool: 'declare const pool: import("pg").Pool;',
  readStock: "declare function readStock(item: string, signal: AbortSignal): Promise<number>;",
  request: 'import { request } from "undici";',
  result: "declare const result: Uint8Array<ArrayBuffer>;",
  router: 'import Router from "@koa/router"; const router = new Router();',
  scope: "declare const scope: string;",
  server: 'declare const server: import("@modelcontextprotocol/server").McpServer;',
  stock: "declare const stock: number;",
  store: 'declare const store: import("once-again/stores").Store;',
  stripe: 'declare const stripe: import("stripe").default;',
  test: "declare function test(name: string, run: () => Promise<void>): void;",
  transaction: 'declare const transaction: import("pg").PoolClient;',
  url: "declare const url: string;",
  wasSent: "declare function wasSent(cause: unknown): boolean;",
  work: "declare function work(): Promise<void>;",
  z: 'import { z } from "zod";',
};

/** Names that mean another thing in the examples of a file. */
export const contextNamesOf: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  "packages/once-again/src/agents/once-tools.ts": { run: 'declare const run: import("once-again/agents").Run;' },
  "packages/once-again/src/agents/open-run.ts": {
    charge: "declare function charge(order: { id: string }): Promise<string>;",
    conversation: "declare const conversation: { id: string };",
    sendMail: "declare function sendMail(mail: { to: string }): Promise<string>;",
  },
  "packages/once-again/src/stores/durable-object/store.ts": {
    placeOrder: "declare function placeOrder(order: unknown): Promise<{ id: string }>;",
  },
  "packages/once-again/src/engine/leased-engine.ts": {
    acknowledge: "declare function acknowledge(message: unknown, result: unknown): void;",
    client: 'declare const client: import("ioredis").Redis;',
    charge: "declare function charge(message: unknown, fence: unknown): Promise<Uint8Array<ArrayBuffer>>;",
  },
  "packages/once-again/src/frameworks/lambda/once-durable.ts": {
    secret: "declare const secret: Uint8Array<ArrayBuffer>;",
  },
  "packages/once-again/src/function/once-function.ts": { Context: 'import type { Context } from "aws-lambda";' },
  "packages/once-again/src/frameworks/fastify.ts": { app: 'import fastify from "fastify"; const app = fastify();' },
  "packages/once-again/src/frameworks/web.ts": { accountOf: "declare function accountOf(request: Request): string;" },
  "packages/once-again/src/frameworks/hono.ts": {
    Context: 'import type { Context } from "hono";',
    Env: "interface Env { Variables: { user: { id: string } } }",
    app: 'import { Hono } from "hono"; const app = new Hono<Env>();',
  },
  "packages/once-again/src/frameworks/nest/interceptor.ts": { Body: 'import { Body } from "@nestjs/common";' },
  "packages/once-again/src/frameworks/nest/once-module.ts": {
    Body: 'import { Body } from "@nestjs/common";',
    Operation: 'import { Operation } from "once-again/nest";',
    STORE: "declare const STORE: symbol;",
    StoreModule: "declare class StoreModule {}",
  },
  "packages/once-again/src/frameworks/node.ts": {
    accountOf: 'declare function accountOf(request: import("node:http").IncomingMessage): string;',
  },
  "packages/once-again/src/messaging/inbox/consumers/kafka.ts": {
    producer: 'declare const producer: import("kafkajs").Producer;',
  },
  "packages/once-again/src/messaging/inbox/consumers/jetstream.ts": {
    connection: 'declare const connection: import("@nats-io/transport-node").NatsConnection;',
  },
  "packages/testing/src/safety/assert-idempotent-handler.ts": { app: 'declare const app: import("hono").Hono;' },
  "docs/guides/messages.md": { channel: 'declare const channel: import("amqplib").Channel;' },
  "docs/guides/scaling.md": {
    store: 'declare const store: import("once-again/stores/postgres").PostgresStore<import("pg").PoolClient>;',
    stores: 'declare const stores: import("once-again/stores").AsyncStore[];',
    groupOf: "declare function groupOf(scope: string): number;",
    lostUntil: "declare const lostUntil: number;",
    reply: 'declare const reply: import("fastify").FastifyReply;',
  },
  "packages/once-again/src/connect/once-connect.ts": {
    PoolClient: 'import type { PoolClient } from "pg";',
    connectNodeAdapter: 'import { connectNodeAdapter } from "@connectrpc/connect-node";',
    context: 'declare const context: import("@connectrpc/connect").HandlerContext;',
    routes: 'declare const routes: (router: import("@connectrpc/connect").ConnectRouter) => void;',
  },
  "packages/once-again/src/connect/retrying-connect.ts": {
    createConnectTransport: 'import { createConnectTransport } from "@connectrpc/connect-node";',
  },
  "packages/once-again/src/frameworks/koa.ts": { Context: 'import type { Context } from "koa";' },
  "packages/once-again/src/messaging/inbox/consumers/bullmq.ts": {
    connection: 'declare const connection: import("bullmq").ConnectionOptions;',
    charge: 'declare const charge: import("once-again/inbox").MessageWork<undefined>;',
  },
  "packages/once-again/src/messaging/outbox/publishers/jetstream.ts": {
    connection: 'declare const connection: import("@nats-io/transport-node").NatsConnection;',
  },
  "packages/once-again/src/opentelemetry/message-telemetry.ts": {
    store: 'declare const store: import("once-again/stores").TransactionalStore<never>;',
  },
  "packages/once-again/src/stores/dynamodb/client.ts": {
    transaction: 'declare const transaction: import("once-again/stores/dynamodb").DynamodbTransaction;',
  },
  "packages/once-again/src/stores/mariadb/callers-transaction.ts": {
    db: 'declare const db: import("kysely").Kysely<{ orders: { id: string; item: string } }>;',
    outbox: 'declare const outbox: import("once-again/stores/mariadb").MariadbOutbox;',
  },
  "packages/once-again/src/stores/mariadb/outbox.ts": {
    transaction: 'declare const transaction: import("mysql2/promise").PoolConnection;',
  },
  "packages/once-again/src/stores/nats/store.ts": {
    connection: 'declare const connection: import("@nats-io/transport-node").NatsConnection;',
  },
  "packages/once-again/src/stores/sqlite/outbox.ts": {
    transaction: 'declare const transaction: import("node:sqlite").DatabaseSync;',
  },
  "packages/testing/src/inbox-contract/inbox-contract.ts": fixtureNames(
    "@once-again/testing",
    "InboxFixture<unknown>",
    ["connect", "effect", "effects", "interrupt", "close"],
  ),
  "packages/testing/src/outbox-contract/outbox-contract.ts": fixtureNames(
    "@once-again/testing",
    "OutboxFixture<unknown>",
    ["outbox", "begin", "close"],
  ),
  "packages/testing/src/store-contract/store-contract.ts": {
    ownStore: 'declare function ownStore(file: string): import("once-again/stores").Store & { close(): void };',
  },
  "packages/testing/src/store-contract/transaction-contract.ts": fixtureNames(
    "@once-again/testing",
    "TransactionFixture<unknown>",
    ["store", "execute", "effects"],
  ),
};

/** The members of a fixture that the reader writes. */
function fixtureNames(specifier: string, type: string, names: readonly string[]): Readonly<Record<string, string>> {
  return Object.fromEntries(
    names.map((name) => [name, `declare const ${name}: import("${specifier}").${type}["${name}"];`]),
  );
}
