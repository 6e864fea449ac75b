export { memoryStore, type MemoryStoreOptions } from "./store.ts";
