import { jetstream } from "@nats-io/jetstream";
import { type KV, Kvm } from "@nats-io/kv";
import type { NatsConnection } from "@nats-io/transport-node";
import { natsStore } from "../../../../packages/once-again/src/stores/nats/index.ts";
import { entryKey } from "../../../../packages/once-again/src/stores/nats/record-format.ts";
import { bucket, natsConnection, onClock } from "../../../nats/buckets.ts";
import { waitMsMax as requestMsMax } from "../../../support/wait-ms-max.ts";
import type { StoreParts } from "../../store-kit.ts";

const portsOf = (place: string): number[] => [...place.matchAll(/:(\d+)/g)].map(([, port]) => Number(port));

async function opened(place: string, records: string): Promise<{ connection: NatsConnection; kv: KV }> {
  const ports = portsOf(place);
  const connection = await natsConnection(ports);
  return { connection, kv: await bucket(connection, records, ports.length) };
}

export const natsParts: StoreParts = {
  clients: {
    async "@nats-io/kv"(place, records) {
      const { connection, kv } = await opened(place, records);
      return { ...(await natsStore(kv, { requestMsMax })), close: () => connection.close() };
    },
  },
  async onClock(place, records, clock) {
    const { connection, kv } = await opened(place, records);
    return { ...(await natsStore(onClock(kv, clock), { requestMsMax })), close: () => connection.close() };
  },
  async breakRecord(place, records, name) {
    const { connection, kv } = await opened(place, records);
    const { value } = (await kv.get(entryKey(name)))!;
    const text = Buffer.from(value)
      .toString("latin1")
      .replace(/"attempt":\d+/, '"attempt":0');
    await kv.put(entryKey(name), Buffer.from(text, "latin1"));
    await connection.close();
  },
  async clean(place, records) {
    const connection = await natsConnection(portsOf(place));
    const buckets = new Kvm(jetstream(connection));
    for (const name of records) await (await buckets.open(name)).destroy();
    await connection.close();
  },
  mistaken: () => {
    const method = (): undefined => undefined;
    const client = { publish: method, request: method, requestMany: method };
    return { "a connection of NATS": { client, advice: "natsStore(kv)" } };
  },
  make: (client, options) => natsStore(client as KV, options),
};
