/**
 * Keys in a bucket of NATS JetStream.
 *
 * @module
 */
import "../../core/check-platform.ts";
export { natsStore, type NatsStore } from "./store.ts";
