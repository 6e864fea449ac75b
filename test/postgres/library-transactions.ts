import { drizzle } from "drizzle-orm/node-postgres";
import knex from "knex";
import { Kysely, PostgresDialect } from "kysely";
import postgres from "postgres";
import type { Prisma } from "../../examples/orms/prisma/generated/client.ts";
import {
  fromDrizzle,
  fromKnex,
  fromKysely,
  fromPrisma,
  type PostgresTransaction,
} from "../../packages/once-again/src/stores/postgres/index.ts";
import { pgPool } from "./databases.ts";
import { orms } from "./orms/index.ts";

/** Runs work in a transaction of a library's own, and commits it unless the work throws. */
type Transact = (url: string, work: (transaction: PostgresTransaction) => Promise<void>) => Promise<unknown>;

/** The libraries with transactions that an outbox and intents take. */
export const libraries: Readonly<Record<string, Transact>> = {
  async pg(url, work) {
    const client = await pgPool(url).connect();
    try {
      await client.query("BEGIN");
      await work(client);
      await client.query("COMMIT");
    } catch (error) {
      await client.query("ROLLBACK");
      throw error;
    } finally {
      client.release();
    }
  },
  async postgres(url, work) {
    const sql = postgres(url, { onnotice: () => undefined });
    await sql.begin((transaction) => work(transaction)).finally(() => sql.end({ timeout: 1 }));
  },
  Drizzle: (url, work) => drizzle(pgPool(url)).transaction((tx) => work(fromDrizzle(tx))),
  Knex: async (url, work) => {
    const database = knex({ client: "pg", connection: url });
    await database.transaction((trx) => work(fromKnex(trx))).finally(() => database.destroy());
  },
  Kysely: (url, work) =>
    new Kysely({ dialect: new PostgresDialect({ pool: pgPool(url) }) })
      .transaction()
      .execute((trx) => work(fromKysely(trx as never))),
  async Prisma(url, work) {
    const { transact } = await orms["Prisma"]!(url);
    await transact((tx) => work(fromPrisma(tx as Prisma.TransactionClient)));
  },
};
