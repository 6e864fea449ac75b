export type { KnexTransaction, KyselyTransaction } from "../guard/from-library.ts";
export {
  type CallersTransaction,
  type DrizzleTransaction,
  fromDrizzle,
  fromKnex,
  fromKysely,
  fromPg,
  fromPostgresJs,
  type PostgresTransaction,
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
export { postgresIntents, type PostgresIntentStore } from "./intents.ts";
export { postgresOutbox, type PostgresOutbox, type PostgresOutboxOptions } from "./outbox.ts";
export { postgresStore, type PostgresStore, type PostgresStoreOptions } from "./store.ts";
