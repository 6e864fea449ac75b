import type { NatsKv } from "./client.ts";
import type { Store } from "../store.ts";
import type { Drivers, StoreUse } from "../kit.ts";

/** The part of `@nats-io/transport-node` that we use. */
interface Transport {
  connect(options: object): Promise<{ close(): Promise<void> }>;
}

/** The part of `@nats-io/kv` that we use. */
interface Kv {
  Kvm: new (connection: unknown) => { open(bucket: string): Promise<NatsKv> };
}

/** Opens the store in a bucket of NATS JetStream: `nats://host:4222/BUCKET`. */
export async function openNats(url: URL, use: StoreUse, drivers: Drivers): Promise<Store> {
  const bucket = url.pathname.slice(1);
  if (bucket === "") throw new Error("The URL must name the bucket: nats://host:4222/BUCKET.");
  const [transport, kv] = drivers.all("NATS", ["@nats-io/transport-node", "@nats-io/kv"]) as [Transport, Kv];
  const connection = await transport.connect({
    servers: url.host,
    // A server goes on as long as it takes; the default gives up after ten attempts.
    ...(use === "server" && { maxReconnectAttempts: -1 }),
    ...(url.username !== "" && { user: decodeURIComponent(url.username), pass: decodeURIComponent(url.password) }),
  });
  try {
    const { natsStore } = await import("./index.ts");
    return { ...(await natsStore(await new kv.Kvm(connection).open(bucket))), close: () => connection.close() };
  } catch (error) {
    await connection.close();
    throw error;
  }
}
