/**
 * Keys, intents and an outbox in PostgreSQL, also in a transaction of your own.
 *
 * @module
 */
import "../../core/check-platform.ts";
export {
  type CallersTransaction,
  fromDrizzle,
  fromKnex,
  fromKysely,
  fromPg,
  fromPostgresJs,
  type PostgresTransaction,
} from "./callers-transaction.ts";
export { onceWithin } from "./once-within.ts";
export { postgresIntents, type PostgresIntentStore } from "./intents.ts";
export { postgresOutbox, type PostgresOutbox } from "./outbox.ts";
export type { OrmTransactions } from "./orms/orm-transactions.ts";
export { fromMikroOrm, mikroOrmTransactions } from "./orms/mikro-orm.ts";
export { fromSequelize, sequelizeTransactions } from "./orms/sequelize.ts";
export { fromTypeOrm, typeOrmTransactions } from "./orms/typeorm.ts";
export { fromPrisma, prismaTransactions } from "./orms/prisma.ts";
export { postgresStore, type PostgresStore } from "./store.ts";
