export { sqliteIntents } from "./sqlite-intents.ts";
export { sqliteStore, type SqliteStoreOptions } from "./sqlite-store.ts";
