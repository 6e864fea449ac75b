import { jetstream } from "@nats-io/jetstream";
import { type KV, Kvm } from "@nats-io/kv";
import { connect, type NatsConnection } from "@nats-io/transport-node";
import type { Clock } from "../../packages/once-again/src/core/clock.ts";
import type { NatsKv } from "../../packages/once-again/src/stores/nats/client.ts";
import { repeatUntilAnswered } from "../support/store-load.ts";

/** The options of a bucket for keys: without a ttl, which would remove held keys. */
export const bucketOptions = { allow_direct: false };

/** How long a test waits for one answer, milliseconds; a machine may be busy. */
const answerMsMax = 5000;

/** How long it waits where answers are lost on purpose, milliseconds. */
export const lostAfterMs = 1500;

/** Connects to servers, and again whenever the connection breaks. */
export function natsConnection(ports: readonly number[]): Promise<NatsConnection> {
  const servers = ports.map((port) => `127.0.0.1:${port}`);
  return connect({
    servers,
    timeout: answerMsMax,
    maxReconnectAttempts: -1,
    reconnectTimeWait: 50,
    reconnectJitter: 0,
    waitOnFirstConnect: true,
    ignoreClusterUpdates: true,
  });
}

/** Makes a bucket, or finds it, as soon as the servers have elected who makes it. */
export function bucket(connection: NatsConnection, name: string, replicas = 1, timeout = answerMsMax): Promise<KV> {
  const buckets = new Kvm(jetstream(connection, { timeout }));
  return repeatUntilAnswered(() => buckets.create(name, { ...bucketOptions, replicas }));
}

/** A bucket of a server that seems to have another clock. */
export function onClock(kv: NatsKv, clock: Clock): NatsKv {
  return {
    jsm: kv.jsm,
    get: (key) => kv.get(key),
    put: (key, data, options) => kv.put(key, data, options),
    delete: (key, options) => kv.delete(key, options),
    history: () => kv.history(),
    async status() {
      const { ttl, history, replicas, streamInfo } = await kv.status();
      return { ttl, history, replicas, streamInfo: { ...streamInfo, ts: new Date(clock.now()).toISOString() } };
    },
  };
}
