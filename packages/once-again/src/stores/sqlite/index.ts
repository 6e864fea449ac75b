/**
 * Keys, intents and an outbox in one file, by `node:sqlite`.
 *
 * @module
 */
export { sqliteIntents } from "./intents.ts";
export { sqliteOutbox, type SqliteOutbox, type SqliteOutboxOptions } from "./outbox.ts";
export { type SqliteStore, sqliteStore, type SqliteStoreOptions } from "./store.ts";
