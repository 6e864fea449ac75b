export { sqliteIntents } from "./sqlite-intents.ts";
export { type SqliteStore, sqliteStore, type SqliteStoreOptions } from "./sqlite-store.ts";
