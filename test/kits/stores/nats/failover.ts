import type { KV } from "@nats-io/kv";
import { natsStore } from "../../../../packages/once-again/src/stores/nats/index.ts";
import { bucket, lostAfterMs, natsConnection } from "../../../nats/buckets.ts";
import { type CutProxy, cutProxy } from "../../../support/servers/cut-proxy.ts";
import { natsBinary, type NatsCluster, startNatsCluster } from "../../../support/servers/nats.ts";
import { repeatUntil } from "../../../support/store-load.ts";
import type { FailoverCluster, FailoverEngine, Fault } from "../../../proof/failover/engine.ts";

const replicas = 3;

/** NATS JetStream: three servers, a bucket with three replicas. Every link between two servers is a proxy. */
export const natsEngine: FailoverEngine = { name: "nats", binary: natsBinary, survivesFailover: true, start };

async function start(): Promise<FailoverCluster> {
  const links: { from: number; to: number; proxy: CutProxy }[] = [];
  const cluster = await startNatsCluster(async (from, to, port) => {
    const proxy = await cutProxy(port);
    links.push({ from, to, proxy });
    return proxy.port;
  });
  const lost = await firstLeader(cluster);
  const ports = cluster.nodes.map(({ port }) => port);
  const others = ports.filter((_, node) => node !== lost);
  const watcher = await natsConnection(others);
  const watched = await bucket(watcher, "keys", replicas, lostAfterMs);
  let lostBy: Fault | undefined;

  return {
    async open(side) {
      const connection = await natsConnection(side === "leader" ? [ports[lost]!] : others);
      return {
        store: await natsStore(await bucket(connection, "keys", replicas, lostAfterMs)),
        close: () => connection.close(),
      };
    },
    async lose(fault) {
      lostBy = fault;
      if (fault === "killed") await cluster.nodes[lost]!.kill();
      else for (const { from, to, proxy } of links) if (from === lost || to === lost) proxy.cut();
    },
    promoted: () => repeatUntil(async () => (await leaderOf(watched)) !== `n${lost}`),
    async heal() {
      for (const { proxy } of links) proxy.heal();
      if (lostBy === "killed") await cluster.nodes[lost]!.restart();
      await repeatUntil(async () => (await followersOf(watched)).every(({ current }) => current));
    },
    async [Symbol.asyncDispose]() {
      await watcher.close();
      await cluster[Symbol.asyncDispose]();
      await Promise.all(links.map(({ proxy }) => proxy[Symbol.asyncDispose]()));
    },
  };
}

/** Makes the bucket, and says which node leads it. */
async function firstLeader({ nodes }: NatsCluster): Promise<number> {
  const connection = await natsConnection(nodes.map(({ port }) => port));
  const kv = await bucket(connection, "keys", replicas);
  const leader = await leaderOf(kv);
  await connection.close();
  return nodes.findIndex((_, node) => leader === `n${node}`);
}

async function leaderOf(kv: KV): Promise<string | undefined> {
  return (await kv.status()).streamInfo.cluster?.leader;
}

async function followersOf(kv: KV) {
  return (await kv.status()).streamInfo.cluster?.replicas ?? [];
}
