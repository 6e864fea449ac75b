/**
 * Keys in the memory of one process, for tests.
 *
 * @module
 */
export { memoryStore, type MemoryStoreOptions } from "./store.ts";
