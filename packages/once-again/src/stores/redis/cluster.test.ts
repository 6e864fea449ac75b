import { Cluster, type Redis } from "ioredis";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { admin, clusterClients } from "../../../../../test/redis/clients.ts";
import { describeWithServer } from "../../../../../test/support/servers/describe-with-server.ts";
import { serverPort } from "../../../../../test/support/servers/server-port.ts";
import { type RedisCluster, redisBinary, startRedisCluster } from "../../../../../test/support/servers/redis.ts";
import { repeatUntil, repeatUntilAnswered } from "../../../../../test/support/store-load.ts";
import { longClaim } from "../../../../../test/support/long-claim.ts";
import { storeContract } from "../../../../testing/src/store-contract/store-contract.ts";
import type { ClaimRequest, Store } from "../store.ts";
import { redisStore } from "./index.ts";
import type { RedisClient } from "./client.ts";
import { redisKey } from "./record-format.ts";

const result = Uint8Array.of(0, 10, 255);

describeWithServer("the Redis store on a cluster", redisBinary, () => {
  let cluster: RedisCluster;
  let prefixes = 0;
  const newPrefix = (): string => `test-${(prefixes += 1)}:`;
  const ports = (): number[] => cluster.nodes.map(({ port }) => port);
  beforeAll(async () => {
    cluster = await startRedisCluster();
  });
  afterAll(() => cluster[Symbol.asyncDispose]());

  describe.for(Object.entries(clusterClients))("through %s", ([, connect]) => {
    let client: RedisClient;
    beforeAll(async () => {
      const opened = await connect(ports());
      ({ client } = opened);
      return () => opened.close();
    });

    const open = async (records: string): Promise<Store> => {
      const { client, close } = await connect(ports());
      return { ...redisStore(client, { prefix: `${records}:` }), close: async () => close() };
    };
    for (const { name, run } of storeContract({ open })) test(name, run);

    test("keys spread over all masters, which health() and list() ask", async () => {
      const prefix = newPrefix();
      const store = redisStore(client, { prefix });
      const keys = Array.from({ length: 300 }, (_, index) => String(index)).sort();
      await Promise.all(keys.map((key) => store.claim(longClaim(key))));
      for (const { node } of await nodesAs("master", ports())) {
        expect((await node.keys(`${prefix}*`)).length).toBeGreaterThan(0);
      }
      expect((await store.list({ limit: 1000 })).map(({ key }) => key)).toEqual(keys);
      expect((await store.health()).problems).toEqual([]);
    });

    test("a key is found while its slot moves to another master (ASK), and afterwards (MOVED)", async () => {
      const prefix = newPrefix();
      const store = redisStore(client, { prefix });
      const [moved, asked] = inOneSlot(prefix).map((key) => longClaim(key)) as [ClaimRequest, ClaimRequest];
      await store.claim(moved);
      const move = await slotMove(ports(), redisKey(prefix, moved));
      await move.begin();
      expect((await store.claim(asked)).kind).toBe("acquired");
      expect(await store.complete({ ...asked, result })).toBe(true);
      await move.carryOver();
      await move.end();
      expect(await store.complete({ ...moved, result })).toBe(true);
      for (const claim of [moved, asked]) {
        expect(await store.claim({ ...claim, owner: "other" })).toEqual({ kind: "done", result });
      }
    });
  });

  test("braces in a name don't choose its slot, and it is found again by its name", async () => {
    const { client, close } = await clusterClients["ioredis"]!(ports());
    onTestFinished(close);
    const prefix = newPrefix();
    const store = redisStore(client, { prefix });
    const keys = Array.from({ length: 60 }, (_, index) => `{slot} ${index}`);
    const scope = "{acme}";
    await Promise.all(keys.map((key) => store.claim({ ...longClaim(key), scope })));
    expect((await store.list({ scope })).map(({ key }) => key)).toEqual(keys.toSorted());
    for (const { node } of await nodesAs("master", ports())) {
      expect((await node.keys(`${prefix}*`)).length).toBeGreaterThan(0);
    }
  });

  test("health() of a cluster that is not connected yet waits for it; of one that can't be reached it says so", async () => {
    const { client, close } = await clusterClients["ioredis"]!(ports());
    onTestFinished(close);
    for (const { node } of await nodesAs("master", ports()))
      await node.config("SET", "maxmemory-policy", "allkeys-lru");
    onTestFinished(async () => {
      for (const { node } of await nodesAs("master", ports()))
        await node.config("SET", "maxmemory-policy", "noeviction");
    });
    expect((await redisStore(client).health()).problems).toEqual([
      expect.stringContaining("maxmemory-policy is allkeys-lru"),
    ]);
    const unreachable = new Cluster([{ host: "127.0.0.1", port: await serverPort() }], {
      clusterRetryStrategy: () => null,
    });
    unreachable.on("error", () => undefined);
    onTestFinished(() => unreachable.disconnect());
    expect((await redisStore(unreachable).health()).isHealthy).toBe(false);
    await expect(redisStore(unreachable).list({})).rejects.toThrow(Error);
  });

  test("a cluster that lost most of its masters grants nothing, and goes on when they are back", async () => {
    const { client, close } = await clusterClients["ioredis"]!(ports());
    onTestFinished(close);
    const store = redisStore(client, { prefix: newPrefix() });
    expect((await store.claim(longClaim("before"))).kind).toBe("acquired");
    const [alone] = await nodesAs("master", ports());
    const killed = cluster.nodes.filter(({ port }) => port !== alone!.port);
    await Promise.all(killed.map((node) => node.kill()));
    await repeatUntil(async () => (await alone!.node.cluster("INFO")).includes("cluster_state:fail"));
    await expect(redisStore(alone!.node).claim(longClaim("during"))).rejects.toThrow("CLUSTERDOWN");
    await Promise.all(killed.map((node) => node.restart()));
    expect(await repeatUntilAnswered(() => store.claim(longClaim("after")))).toMatchObject({ kind: "acquired" });
  });
});

/** Two keys of one slot. */
function inOneSlot(prefix: string): [string, string] {
  const bySlot = new Map<number, string>();
  for (let number = 0; ; number += 1) {
    const key = `k-${number}`;
    const slot = slotOf(redisKey(prefix, longClaim(key)));
    const other = bySlot.get(slot);
    if (other !== undefined) return [other, key];
    bySlot.set(slot, key);
  }
}

/** The slot of a key without braces: CRC16 (XMODEM), as the cluster specification has it. */
function slotOf(key: string): number {
  let crc = 0;
  for (const byte of Buffer.from(key)) {
    crc ^= byte << 8;
    for (let bit = 0; bit < 8; bit += 1) crc = ((crc & 0x8000) === 0 ? crc << 1 : (crc << 1) ^ 0x1021) & 0xffff;
  }
  return crc % 16_384;
}

/** Connections to the nodes that have a role. */
async function nodesAs(role: "master" | "slave", ports: readonly number[]): Promise<{ port: number; node: Redis }[]> {
  const nodes = await Promise.all(
    ports.map(async (port) => {
      const node = admin(port);
      return { port, node, role: (await node.role())[0] };
    }),
  );
  return nodes.filter((found) => found.role === role);
}

/** Moves the slot of a key to another master, in the steps of `redis-cli --cluster reshard`. */
async function slotMove(ports: readonly number[], key: string) {
  const masters = await nodesAs("master", ports);
  const slot = await masters[0]!.node.cluster("KEYSLOT", key);
  const counts = await Promise.all(masters.map(({ node }) => node.cluster("COUNTKEYSINSLOT", slot)));
  const source = masters[counts.findIndex((count) => count > 0)]!;
  const target = masters[counts.findIndex((count) => count === 0)]!;
  const targetId = await target.node.cluster("MYID");
  return {
    async begin() {
      await target.node.cluster("SETSLOT", slot, "IMPORTING", await source.node.cluster("MYID"));
      await source.node.cluster("SETSLOT", slot, "MIGRATING", targetId);
    },
    async carryOver() {
      const names = await source.node.cluster("GETKEYSINSLOT", slot, 100);
      for (const name of names) await source.node.migrate("127.0.0.1", target.port, name, 0, 5000);
    },
    async end() {
      await target.node.cluster("SETSLOT", slot, "NODE", targetId);
      await source.node.cluster("SETSLOT", slot, "NODE", targetId);
    },
  };
}
