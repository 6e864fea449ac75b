export {
  type CallersTransaction,
  type DrizzleTransaction,
  fromDrizzle,
  fromKnex,
  fromKysely,
  fromPg,
  fromPostgresJs,
  type KnexTransaction,
  type KyselyTransaction,
} from "./callers-transaction.ts";
export type {
  PgClient,
  PgConnection,
  PgPool,
  PostgresClient,
  PostgresConnection,
  PostgresJsClient,
  PostgresJsConnection,
  PostgresJsPool,
  PostgresPool,
} from "./client.ts";
export { onceWithin } from "./once-within.ts";
export { postgresIntents, type PostgresIntentStore } from "./postgres-intents.ts";
export { postgresStore, type PostgresStore, type PostgresStoreOptions } from "./postgres-store.ts";
