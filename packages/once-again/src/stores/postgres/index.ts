/**
 * Keys, intents and an outbox in PostgreSQL, also in a transaction of your own.
 *
 * @module
 */
export {
  type CallersTransaction,
  fromDrizzle,
  fromKnex,
  fromKysely,
  fromPg,
  fromPostgresJs,
  type PostgresTransaction,
} from "./callers-transaction.ts";
export type { PostgresClient, PostgresConnection, PostgresPool } from "./client.ts";
export { onceWithin } from "./once-within.ts";
export { postgresIntents, type PostgresIntentStore } from "./intents.ts";
export { postgresOutbox, type PostgresOutbox, type PostgresOutboxOptions } from "./outbox.ts";
export type {
  IsolationLevel,
  OrmTransaction,
  OrmTransactionOptions,
  OrmTransactions,
} from "./orms/orm-transactions.ts";
export { fromMikroOrm, type MikroOrmLike, type MikroOrmManager, mikroOrmTransactions } from "./orms/mikro-orm.ts";
export {
  fromSequelize,
  type SequelizeLike,
  type SequelizeTransaction,
  sequelizeTransactions,
} from "./orms/sequelize.ts";
export {
  fromTypeOrm,
  type TypeOrmDataSource,
  type TypeOrmManager,
  type TypeOrmQueryRunner,
  typeOrmTransactions,
} from "./orms/typeorm.ts";
export { fromPrisma, type PrismaClientLike, type PrismaTransaction, prismaTransactions } from "./orms/prisma.ts";
export { type PostgresOrmOptions, postgresStore, type PostgresStore, type PostgresStoreOptions } from "./store.ts";
