export { sqliteIntents } from "./sqlite-intents.ts";
export { sqliteOutbox, type SqliteOutbox, type SqliteOutboxOptions } from "./sqlite-outbox.ts";
export { type SqliteStore, sqliteStore, type SqliteStoreOptions } from "./sqlite-store.ts";
