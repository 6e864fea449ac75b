/**
 * Keys in a database of Cloudflare D1: a part of once-again/cloudflare.
 *
 * @module
 */
export { d1Store, type D1Store } from "./store.ts";
export type { D1Transaction } from "./transact.ts";
