import { DiscardPolicy, jetstreamManager, StorageType } from "@nats-io/jetstream";
import { type KV, Kvm } from "@nats-io/kv";
import type { NatsConnection } from "@nats-io/transport-node";
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from "vitest";
import { bucket, bucketOptions, lostAfterMs, natsConnection, onClock } from "../../../../../test/nats/buckets.ts";
import { cutProxy } from "../../../../../test/support/servers/cut-proxy.ts";
import { describeWithServer } from "../../../../../test/support/servers/describe-with-server.ts";
import { type NatsCluster, natsBinary, startNats, startNatsCluster } from "../../../../../test/support/servers/nats.ts";
import { claimLoad, repeatUntilAnswered } from "../../../../../test/support/store-load.ts";
import { longClaim } from "../../../../../test/support/long-claim.ts";
import { fakeClock } from "../../../../testing/src/fake-clock.ts";
import { bytesCodec } from "../../engine/engine.ts";
import { sealedStore } from "../sealed-store.ts";
import { leasedEngine } from "../../engine/leased-engine.ts";
import { natsStore } from "./index.ts";
import type { NatsKv } from "./client.ts";
import { waitMsMax as requestMsMax } from "../../../../../test/support/wait-ms-max.ts";

const result = Uint8Array.of(0, 10, 255);

/** A server alone, as a cluster of one. */
async function startAlone(): Promise<NatsCluster> {
  const server = await startNats();
  return { nodes: [server], [Symbol.asyncDispose]: () => server[Symbol.asyncDispose]() };
}

describeWithServer("the NATS store", natsBinary, () => {
  describe.for([
    ["one server (R1)", startAlone, 1],
    ["three servers (R3)", startNatsCluster, 3],
  ] as const)("on %s", ([, start, replicas]) => {
    let cluster: NatsCluster;
    let connection: NatsConnection;
    let kv: KV;
    const ports = (): number[] => cluster.nodes.map(({ port }) => port);
    beforeAll(async () => {
      cluster = await start();
      connection = await natsConnection(ports());
      kv = await bucket(connection, "keys", replicas);
    });
    afterAll(async () => {
      await connection.close();
      await cluster[Symbol.asyncDispose]();
    });

    test("says what it survives, and what endangers records", async () => {
      const store = await natsStore(kv, { requestMsMax });
      expect(store.survivesFailover).toBe(replicas === 3 ? "yes" : "no");
      expect((await store.health()).problems).toEqual(replicas === 3 ? [] : [expect.stringContaining("1 replica")]);
    });
  });

  describe("when things fail", () => {
    const opened = async (port: number) => {
      const connection = await natsConnection([port]);
      onTestFinished(() => connection.close());
      return natsStore(await bucket(connection, "keys", 1, lostAfterMs));
    };

    test("a lost acknowledgement is settled by asking again", async () => {
      await using server = await startNats();
      await using proxy = await cutProxy(server.port);
      const store = await opened(proxy.port);
      const one = longClaim("k");
      const cutDuring = async <Answer>(ask: () => Promise<Answer>): Promise<Answer> => {
        const before = await store.inspect(one);
        proxy.cutNextAnswer("PUB $KV.");
        const answer = await repeatUntilAnswered(ask);
        expect((await store.inspect(one))?.record).not.toEqual(before?.record);
        return answer;
      };
      expect(await cutDuring(() => store.claim(one))).toMatchObject({ kind: "acquired", attempt: 1 });
      expect(await cutDuring(() => store.checkpoint({ ...one, step: "s", result }))).toBe(true);
      expect(await cutDuring(() => store.renew({ ...one, leaseMs: 70_000 }))).toBe(true);
      expect(await cutDuring(() => store.complete({ ...one, result }))).toBe(true);
      expect(proxy.answersCut).toBe(4);
      expect(await store.claim({ ...one, owner: "other" })).toEqual({ kind: "done", result });
    });

    test("what was acknowledged under load survives kill -9", async () => {
      await using server = await startNats();
      const store = await opened(server.port);
      const { held } = await claimLoad(store, () => server.kill());
      await server.restart();
      expect(held.length).toBeGreaterThan(0);
      for (const claim of held) {
        const answer = await repeatUntilAnswered(() => store.claim({ ...claim, owner: "other" }));
        expect(answer.kind).toBe("in-progress");
      }
    });

    test("a caller with its clock an hour off changes nothing", async () => {
      await using server = await startNats();
      const store = await opened(server.port);
      const one = longClaim("k");
      const trueNow = Date.now();
      onTestFinished(() => void vi.useRealTimers());
      vi.useFakeTimers({ toFake: ["Date"], now: trueNow + 3_600_000 });
      await store.claim(one);
      vi.setSystemTime(trueNow - 3_600_000);
      expect((await store.claim({ ...one, owner: "other", takeOverAfterMs: 0 })).kind).toBe("in-progress");
      expect(Math.abs((await store.inspect(one))!.record.createdAt - trueNow)).toBeLessThan(60_000);
    });

    test("a replay is one round trip of two questions, a claim and a completion are two", async () => {
      await using server = await startNats();
      await using proxy = await cutProxy(server.port);
      const store = await opened(proxy.port);
      const one = longClaim("k");
      const sent = async (ask: () => Promise<unknown>): Promise<string[]> => {
        const heard = proxy.listen(/^H?PUB (\S+)/gmu);
        await ask();
        return heard().map((subject) => subject.replace(/keys.*/u, ""));
      };
      const questions = ["$JS.API.STREAM.INFO.KV_", "$JS.API.STREAM.MSG.GET.KV_"];
      expect(await sent(() => store.claim(one))).toEqual([...questions, "$KV."]);
      expect(await sent(() => store.complete({ ...one, result }))).toEqual([...questions, "$KV."]);
      expect(await sent(() => store.claim({ ...one, owner: "other" }))).toEqual(questions);
    });

    const ttl = 86_400_000;
    /** A store on a bucket that removes every record after a day. */
    const forgetful = async (port: number) => {
      const connection = await natsConnection([port]);
      onTestFinished(() => connection.close());
      return natsStore(await new Kvm(connection).create("forgetful", { ...bucketOptions, ttl }));
    };

    test("what a bucket with a ttl would forget before its time is refused, held keys too", async () => {
      await using server = await startNats();
      const store = await forgetful(server.port);
      const tooLong = ttl + 1;
      const invalid = expect.objectContaining({ code: "ONCE_OPTION_INVALID" }) as Error;
      const held = { heldRetentionMs: ttl };
      await expect(store.claim(longClaim("k", { ...held, retentionMs: tooLong }))).rejects.toThrow(invalid);
      await expect(store.claim(longClaim("k"))).rejects.toThrow(invalid);
      await expect(store.claim(longClaim("k", { heldRetentionMs: tooLong }))).rejects.toThrow(invalid);
      await expect(store.renew({ ...longClaim("k"), leaseMs: tooLong })).rejects.toThrow(invalid);
      const settlement = { as: "done", result, retentionMs: tooLong } as const;
      await expect(store.resolve({ ...longClaim("k"), settlement })).rejects.toThrow(invalid);
      expect(await store.list({})).toEqual([]);
      expect(await store.claim(longClaim("k", held))).toMatchObject({ kind: "acquired" });
    });

    test("a server on a bucket that forgets held keys has to say that it knows", async () => {
      await using server = await startNats();
      const store = await forgetful(server.port);
      const invalid = expect.objectContaining({ code: "ONCE_OPTION_INVALID" }) as Error;
      expect(store.retentionMsMax).toBe(ttl);
      for (const stored of [store, sealedStore(store, [{ id: "a", secret: new Uint8Array(16) }])]) {
        expect(() => leasedEngine(stored, {})).toThrow("heldRetentionMs");
        expect(() => leasedEngine(stored, { heldRetentionMs: ttl + 1 })).toThrow(invalid);
        expect(() => leasedEngine(stored, { heldRetentionMs: ttl, retentionMs: ttl + 1 })).toThrow(invalid);
        expect(leasedEngine(stored, { heldRetentionMs: ttl, retentionMs: ttl })).toBeDefined();
      }
    });

    test("a purge reads no further than what has not expired, and leaves no trace of what it removes", async () => {
      await using server = await startNats();
      const connection = await natsConnection([server.port]);
      onTestFinished(() => connection.close());
      const kv: NatsKv = await bucket(connection, "keys");
      const clock = fakeClock(1_700_000_000_000);
      const store = await natsStore(onClock(kv, clock), { requestMsMax });
      const held = longClaim("held", { leaseMs: 1 });
      await store.claim(held);
      const completed = async (key: string, retentionMs: number): Promise<void> => {
        const one = longClaim(key, { retentionMs });
        await store.claim(one);
        await store.complete({ ...one, retentionMs, result });
      };
      for (let index = 0; index < 20; index += 1) await completed(`old ${index}`, 2);
      const released = longClaim("released");
      await store.claim(released);
      await store.release(released);
      for (let index = 0; index < 500; index += 1) await completed(`young ${index}`, 60_000);
      await clock.advance(10);
      const read = vi.spyOn(kv.jsm!.streams, "getMessage");
      expect(await store.purge({ limit: 15 })).toBe(14);
      expect(await store.purge({ limit: 200 })).toBe(6);
      expect(await store.purge({ limit: 200 })).toBe(0);
      expect(read.mock.calls.length).toBeLessThan(30);
      expect((await kv.status()).streamInfo.state.messages).toBe(501);
      expect((await store.claim({ ...held, owner: "other" })).kind).toBe("abandoned");
      expect((await store.claim(longClaim("old 7"))).kind).toBe("acquired");
      expect((await store.claim(released)).kind).toBe("acquired");
    });

    test("a purge removes no record that is claimed anew while it looks", async () => {
      await using server = await startNats();
      const connection = await natsConnection([server.port]);
      onTestFinished(() => connection.close());
      const kv: NatsKv = await bucket(connection, "keys");
      const clock = fakeClock(1_700_000_000_000);
      const store = await natsStore(onClock(kv, clock), { requestMsMax });
      const one = longClaim("k");
      await store.claim(one);
      await store.complete({ ...one, retentionMs: 2, result });
      await clock.advance(10);
      const streams = kv.jsm!.streams;
      const getMessage = streams.getMessage.bind(streams);
      vi.spyOn(streams, "getMessage").mockImplementation(async (stream, query) => {
        const message = await getMessage(stream, query);
        // The bucket reads its records by the same method.
        if (query.next_by_subj !== undefined) await store.claim({ ...one, owner: "next" });
        return message;
      });
      await store.purge({ limit: 1 });
      expect((await store.inspect(one))?.record).toMatchObject({ state: "running", owner: "next" });
    });

    test("an answer that was lost leaves time to ask again within what an engine waits for", async () => {
      await using server = await startNats();
      await using proxy = await cutProxy(server.port);
      const connection = await natsConnection([proxy.port]);
      onTestFinished(() => connection.close());
      // The client itself would wait as long as the engine does.
      const kv = await bucket(connection, "keys", 1, 60_000);
      const store = await natsStore(kv, { requestMsMax: 300 });
      const engine = leasedEngine(store, { storeMsMax: 60_000 });
      proxy.cutNextAnswer("PUB $KV.");
      const operation = { scope: "acme", key: "k", fingerprint: "f", codec: bytesCodec };
      const outcome = await engine.run(operation, async () => ({ effect: "done", result }) as never);
      expect([outcome.kind, proxy.answersCut]).toEqual(["executed", 1]);
      await engine.close();
    });

    test("a bucket that would forget, or show what is old, is refused; others are warned of", async () => {
      await using server = await startNats();
      const connection = await natsConnection([server.port]);
      onTestFinished(() => connection.close());
      const refused = (what: string): Error =>
        expect.objectContaining({
          code: "ONCE_OPTION_INVALID",
          message: expect.stringContaining(what) as string,
        }) as Error;
      const buckets = new Kvm(connection);
      await expect(natsStore(await buckets.create("direct"))).rejects.toThrow(refused("allow_direct"));
      const manager = await jetstreamManager(connection);
      await buckets.create("old", bucketOptions);
      await manager.streams.update("KV_old", { discard: DiscardPolicy.Old });
      await expect(natsStore(await buckets.create("old", bucketOptions))).rejects.toThrow(refused("discard"));
      const forever = await buckets.create("forever", bucketOptions);
      await expect(natsStore({ ...onClock(forever, fakeClock(0)), jsm: undefined })).rejects.toThrow(refused("jsm"));
      const versions = await buckets.create("versions", { ...bucketOptions, history: 2 });
      await expect(natsStore(versions)).rejects.toThrow(refused("history"));
      const store = await natsStore(await buckets.create("brief", { ...bucketOptions, storage: StorageType.Memory }));
      expect((await store.health()).problems).toEqual([
        expect.stringContaining("1 replica"),
        expect.stringContaining("in memory"),
      ]);
      await expect(natsStore(forever, { requestMsMax: 0 })).rejects.toThrow(refused("requestMsMax"));
    });
  });
});
