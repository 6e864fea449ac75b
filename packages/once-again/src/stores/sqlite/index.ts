/**
 * Keys, intents and an outbox in one file, by `node:sqlite`.
 *
 * @module
 */
import "../../core/check-platform.ts";
export type { LibsqlTransaction } from "../guard/libsql.ts";
export { sqliteIntents } from "./intents.ts";
export { sqliteOutbox, type SqliteOutbox } from "./outbox.ts";
export { type SqliteStore, sqliteStore } from "./store.ts";
