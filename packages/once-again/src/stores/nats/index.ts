/**
 * Keys in a bucket of NATS JetStream.
 *
 * @module
 */
export type { NatsKv } from "./client.ts";
export { natsStore, type NatsStore, type NatsStoreOptions } from "./store.ts";
