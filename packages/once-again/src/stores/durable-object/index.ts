/**
 * Keys in Durable Objects of Cloudflare: a part of once-again/cloudflare.
 *
 * @module
 */
export type { ObjectSql, ObjectStorage } from "./client.ts";
export { ObjectKeys, type StoreCall, type StoreReply } from "./object-keys.ts";
export { durableObjectStore } from "./store.ts";
