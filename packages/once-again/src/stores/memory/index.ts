/**
 * Keys in the memory of one process, for tests.
 *
 * @module
 */
export { memoryStore } from "./store.ts";
