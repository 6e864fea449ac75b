/**
 * Keys in a bucket of NATS JetStream.
 *
 * @module
 */
export { natsStore, type NatsStore } from "./store.ts";
