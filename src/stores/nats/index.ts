export type { NatsBucketStatus, NatsEntry, NatsKv } from "./client.ts";
export { natsStore, type NatsStore } from "./nats-store.ts";
