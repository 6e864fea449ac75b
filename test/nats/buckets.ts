import { jetstream } from "@nats-io/jetstream";
import { type KV, Kvm } from "@nats-io/kv";
import { connect, type NatsConnection } from "@nats-io/transport-node";
import type { Clock } from "../../packages/once-again/src/core/clock.ts";
import type { NatsKv } from "../../packages/once-again/src/stores/nats/client.ts";
import { repeatUntilAnswered } from "../support/store-load.ts";
import { waitMsMax } from "../support/wait-ms-max.ts";

/** The options of a bucket for keys: without a ttl, which would remove held keys. */
export const bucketOptions = { allow_direct: false };

/** How long a test waits until it asks once more for a bucket, milliseconds: servers that elect their leader may lose the question. */
const electionMs = 5000;

/** How long it waits where answers are lost on purpose, milliseconds. */
export const lostAfterMs = 1500;

/** Connects to servers, and again whenever the connection breaks. */
export function natsConnection(ports: readonly number[]): Promise<NatsConnection> {
  const servers = ports.map((port) => `127.0.0.1:${port}`);
  return connect({
    servers,
    timeout: waitMsMax,
    maxReconnectAttempts: -1,
    reconnectTimeWait: 50,
    reconnectJitter: 0,
    waitOnFirstConnect: true,
    ignoreClusterUpdates: true,
  });
}

/**
 * Makes a bucket, or finds it, as soon as the servers have elected who makes it.
 *
 * @param timeout how long it waits for an answer from then on, milliseconds.
 */
export async function bucket(connection: NatsConnection, name: string, replicas = 1, timeout = waitMsMax): Promise<KV> {
  const buckets = (timeout: number): Kvm => new Kvm(jetstream(connection, { timeout }));
  await repeatUntilAnswered(() => buckets(electionMs).create(name, { ...bucketOptions, replicas }));
  return repeatUntilAnswered(() => buckets(timeout).open(name, { ...bucketOptions }));
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
