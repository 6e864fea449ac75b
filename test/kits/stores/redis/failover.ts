import { Cluster, Redis } from "ioredis";
import { redisStore } from "../../../../packages/once-again/src/stores/redis/index.ts";
import { type CutProxy, cutProxy } from "../../../support/servers/cut-proxy.ts";
import { serverPort } from "../../../support/servers/server-port.ts";
import { redisBinary, startRedisCluster } from "../../../support/servers/redis.ts";
import { repeatUntil } from "../../../support/store-load.ts";
import type { FailoverCluster, FailoverEngine, Fault } from "../../../proof/failover/engine.ts";
import { hashTag } from "../../../proof/failover/load.ts";

/**
 * Redis Cluster: three masters and their replicas, every write on disk before it is acknowledged. A node is known to the
 * others and to clients by two proxies, and speaks from a separate address, so that they know which node a link belongs to.
 */
export const redisClusterEngine: FailoverEngine = {
  name: "redis-cluster",
  binary: redisBinary,
  survivesFailover: false,
  start,
};

const host = "127.0.0.1";
const addressOf = (node: number): string => `127.0.1.${node + 1}`;

/** A client that says at once that its node is gone. */
const impatient = { retryStrategy: () => 50, maxRetriesPerRequest: 0, commandTimeout: 1000 };

async function start(): Promise<FailoverCluster> {
  const fronts: (readonly [clients: CutProxy, nodes: CutProxy])[] = [];
  const cluster = await startRedisCluster(async (node, port) => {
    const busPort = await serverPort();
    const [clients, nodes] = (fronts[node] = [await cutProxy(port), await cutProxy(busPort)]);
    return {
      "cluster-port": String(busPort),
      "cluster-announce-port": String(clients.port),
      "cluster-announce-bus-port": String(nodes.port),
      "bind-source-addr": addressOf(node),
    };
  });
  const direct = (port: number): Redis => new Redis({ host, port, ...impatient }).on("error", () => undefined);
  const controls = cluster.nodes.map(({ port }) => direct(port));
  const clientPorts = fronts.map(([clients]) => clients.port);
  const lost = clientPorts.indexOf(await masterPort(controls[0]!));
  // A replica that has not yet copied its master is never promoted.
  await repeatUntil(async () => (await linksUp(controls)) === controls.length / 2);
  let lostBy: Fault | undefined;

  return {
    async open(side) {
      const nodes = clientPorts.map((port) => ({ host, port }));
      const client =
        side === "leader" ? direct(cluster.nodes[lost]!.port) : new Cluster(nodes, { redisOptions: impatient });
      client.on("error", () => undefined);
      return { store: redisStore(client), close: async () => client.disconnect() };
    },
    async lose(fault) {
      lostBy = fault;
      if (fault === "killed") await cluster.nodes[lost]!.kill();
      else
        for (const [node, front] of fronts.entries())
          for (const proxy of front) proxy.cut(node === lost ? "" : addressOf(lost));
    },
    promoted: () =>
      repeatUntil(async () => (await masterPort(controls.find((_, node) => node !== lost)!)) !== clientPorts[lost]),
    async heal() {
      for (const proxy of fronts.flat()) proxy.heal();
      if (lostBy === "killed") await cluster.nodes[lost]!.restart();
      await repeatUntil(async () => (await controls[lost]!.role())[0] === "slave");
    },
    async [Symbol.asyncDispose]() {
      for (const control of controls) control.disconnect();
      await cluster[Symbol.asyncDispose]();
      await Promise.all(fronts.flat().map((proxy) => proxy[Symbol.asyncDispose]()));
    },
  };
}

/** The announced port of the master that has the keys' slot, as a node sees it. */
async function masterPort(control: Redis): Promise<number> {
  const slot = await control.cluster("KEYSLOT", hashTag);
  const ranges = await control.cluster("SLOTS");
  const [, , master] = ranges.find(([from, to]) => from <= slot && slot <= to)!;
  return master![1];
}

/** How many replicas follow their masters. */
async function linksUp(controls: readonly Redis[]): Promise<number> {
  const infos = await Promise.all(controls.map((control) => control.info("replication")));
  return infos.filter((info) => info.includes("master_link_status:up")).length;
}
