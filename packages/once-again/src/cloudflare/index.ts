/**
 * Cloudflare: keys in Durable Objects and in D1, effects in the SQLite of an object, consumers of Queues.
 *
 * @module
 */
import "../core/check-platform.ts";
export { d1Store, type D1Store, type D1Transaction } from "../stores/d1/index.ts";
export { durableObjectStore } from "../stores/durable-object/index.ts";
export { handleQueueBatch, type QueueDeadLetter } from "./handle-queue-batch.ts";
export { type OnceObject, onceObject } from "./once-object.ts";
