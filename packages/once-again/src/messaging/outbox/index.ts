/**
 * Messages that commit with your own transaction, and the relay that publishes them.
 *
 * @module
 */
import "../../core/check-platform.ts";
export type { NewMessage, OutboxMessage, OutboxStore, UnconfirmedMessage } from "../../stores/outbox-store.ts";
export { openRelay, type Relay } from "./open-relay.ts";
export { type Publish, refusedError, unavailableError } from "./publish.ts";
export type { RelayEvent } from "./relay-event.ts";
export { publishToHttp } from "./publishers/http.ts";
export { signWebhooks } from "./publishers/sign-webhooks.ts";
export { publishToJetstream } from "./publishers/jetstream.ts";
export { publishToEventBridge, publishToSns, publishToSqs } from "./publishers/aws.ts";
export { publishToKafka } from "./publishers/kafka.ts";
export { publishToRabbitmq } from "./publishers/rabbitmq.ts";
export { publishToRedisStreams } from "./publishers/redis-streams.ts";
