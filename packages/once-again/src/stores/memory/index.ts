/**
 * Keys and intents in the memory of one process: for tests, and for a page that may store nothing.
 *
 * @module
 */
import "../../core/check-platform.ts";
export { memoryIntents } from "./intents.ts";
export { memoryStore } from "./store.ts";
