import { describe, expect, onTestFinished, test } from "vitest";
import { admin, singleClients } from "../../../../../test/redis/clients.ts";
import { cutProxy } from "../../../../../test/support/servers/cut-proxy.ts";
import { describeWithServer } from "../../../../../test/support/servers/describe-with-server.ts";
import { serverPort } from "../../../../../test/support/servers/server-port.ts";
import type { PrivateServer } from "../../../../../test/support/servers/private-server.ts";
import { redisBinary, type RedisOptions, startRedis } from "../../../../../test/support/servers/redis.ts";
import { claimLoad, repeatUntilAnswered } from "../../../../../test/support/store-load.ts";
import { longClaim } from "../../../../../test/support/long-claim.ts";
import { redisStore } from "./index.ts";
import type { RedisClient } from "./client.ts";
import { redisKey } from "./record-format.ts";

const result = Uint8Array.of(0, 10, 255);

async function started(settings: RedisOptions["settings"] = {}): Promise<PrivateServer> {
  const server = await startRedis({ settings });
  onTestFinished(() => server[Symbol.asyncDispose]());
  return server;
}

describeWithServer("the Redis store, when things fail", redisBinary, () => {
  describe.for(Object.entries(singleClients))("through %s", ([, connect]) => {
    test("a lost acknowledgement is settled by asking again", async () => {
      const server = await started();
      await using proxy = await cutProxy(server.port);
      const store = redisStore(connect(proxy.port));
      const one = longClaim("k");
      await store.claim(longClaim("warm"));

      proxy.cutNextAnswer();
      expect(await repeatUntilAnswered(() => store.claim(one))).toMatchObject({ kind: "acquired", attempt: 1 });
      proxy.cutNextAnswer();
      expect(await repeatUntilAnswered(() => store.checkpoint({ ...one, step: "s", result }))).toBe(true);
      proxy.cutNextAnswer();
      expect(await repeatUntilAnswered(() => store.renew(one))).toBe(true);
      proxy.cutNextAnswer();
      expect(await repeatUntilAnswered(() => store.complete({ ...one, result }))).toBe(true);
      expect(proxy.answersCut).toBe(4);
      expect(await store.claim({ ...one, owner: "other" })).toEqual({ kind: "done", result });
    });

    test("a connection that falls silent is given up, however much is asked over it", async () => {
      const server = await started();
      await using proxy = await cutProxy(server.port);
      const store = redisStore(connect(proxy.port), { silentMsMax: 200 });
      await store.claim(longClaim("warm"));
      proxy.silence();
      const answered = Promise.withResolvers<void>();
      const ask = (key: string): Promise<void> =>
        store.claim(longClaim(key)).then(
          () => answered.resolve(),
          () => undefined,
        );
      let number = 0;
      const asking = setInterval(() => void ask(`k-${(number += 1)}`), 20);
      await answered.promise.finally(() => clearInterval(asking));
    });

    test("appendfsync always: what was acknowledged under load survives kill -9", async () => {
      const server = await started();
      const store = redisStore(connect(server.port));
      const { held } = await claimLoad(store, () => server.kill());
      await server.restart();
      expect(held.length).toBeGreaterThan(0);
      for (const claim of held) {
        const answer = await repeatUntilAnswered(() => store.claim({ ...claim, owner: "other" }));
        expect(answer.kind).toBe("in-progress");
      }
    });

    test("a server that is killed between a claim and its completion completes it, and keeps it", async () => {
      const server = await started();
      const store = redisStore(connect(server.port));
      // One by the script, one by SET: the restart forgets all scripts.
      for (const key of ["first", "second"]) {
        const one = longClaim(key);
        expect(await repeatUntilAnswered(() => store.claim(one))).toMatchObject({ kind: "acquired", attempt: 1 });
        await server.kill();
        await server.restart();
        expect(await repeatUntilAnswered(() => store.complete({ ...one, result }))).toBe(true);
        expect(await store.claim({ ...one, owner: "other" })).toEqual({ kind: "done", result });
      }
    });

    test("without appendonly a restart forgets every record, which health() says before", async () => {
      const server = await started({ appendonly: "no" });
      const store = redisStore(connect(server.port));
      const one = longClaim("k");
      await store.claim(one);
      expect((await store.health()).problems).toEqual([expect.stringContaining("appendonly is off")]);
      await server.kill();
      await server.restart();
      const again = await repeatUntilAnswered(() => store.claim({ ...one, owner: "other" }));
      expect(again).toMatchObject({ kind: "acquired", attempt: 1 });
    });

    test("out of memory: claims and results are refused, replays and releases work, nothing is granted", async () => {
      const server = await started();
      const store = redisStore(connect(server.port));
      const [done, running] = [longClaim("done"), longClaim("running")];
      await store.claim(done);
      await store.complete({ ...done, result });
      await store.claim(running);
      const control = admin(server.port);
      await control.config("SET", "maxmemory", "1");

      await expect(store.claim(longClaim("new"))).rejects.toThrow("OOM");
      await expect(store.complete({ ...running, result })).rejects.toThrow("OOM");
      await expect(store.checkpoint({ ...running, step: "s", result })).rejects.toThrow("OOM");
      expect(await store.inspect(longClaim("new"))).toBeUndefined();
      expect((await store.inspect(running))?.state).toBe("running");
      expect(await store.claim({ ...done, owner: "other" })).toEqual({ kind: "done", result });
      expect(await store.release(running)).toBe(true);
      // Its fence is remembered all the same.
      expect(String(await control.get(redisKey("once-again:", running)))).toMatch(/^1 released \d{13}\n$/);

      await control.config("SET", "maxmemory", "0");
      expect((await store.claim(longClaim("new"))).kind).toBe("acquired");
    });

    test("a node that became a replica grants nothing, and health() says so", async () => {
      const server = await started();
      const store = redisStore(connect(server.port));
      await store.claim(longClaim("warm"));
      const control = admin(server.port);
      await control.replicaof("127.0.0.1", await serverPort());
      await expect(store.claim(longClaim("k"))).rejects.toThrow("READONLY");
      expect((await store.health()).problems).toEqual([expect.stringContaining("is a slave")]);
      await control.replicaof("NO", "ONE");
      expect((await store.claim(longClaim("k"))).kind).toBe("acquired");
      expect((await store.health()).problems).toEqual([]);
    });

    test("health() names every eviction policy that may lose a record", async () => {
      const server = await started();
      const store = redisStore(connect(server.port));
      for (const policy of ["allkeys-lru", "volatile-ttl", "volatile-lfu"]) {
        await admin(server.port).config("SET", "maxmemory-policy", policy);
        expect((await store.health()).problems).toEqual([expect.stringContaining(`maxmemory-policy is ${policy}`)]);
      }
    });

    test("a server that may evict grants nothing, unless that is said to be no harm", async () => {
      const server = await started({ "maxmemory-policy": "volatile-lru" });
      const store = redisStore(connect(server.port));
      const refused = expect.objectContaining({
        code: "ONCE_OPTION_INVALID",
        message: expect.stringContaining("maxmemory-policy of Redis is volatile-lru") as string,
      }) as Error;
      await expect(store.claim(longClaim("k"))).rejects.toThrow(refused);
      await expect(store.claim(longClaim("k"))).rejects.toThrow(refused);
      const careless = redisStore(connect(server.port), { acknowledgeEviction: true });
      expect((await careless.claim(longClaim("careless"))).kind).toBe("acquired");
      const control = admin(server.port);
      await control.config("SET", "maxmemory-policy", "noeviction");
      expect((await store.claim(longClaim("later"))).kind).toBe("acquired");
      // No refused claim has left its key behind.
      expect(await store.inspect(longClaim("k"))).toBeUndefined();
    });

    test("a server that does not let us ask for its policy grants claims", async () => {
      const server = await started();
      await admin(server.port).acl("SETUSER", "default", "-info");
      const store = redisStore(connect(server.port));
      expect((await store.claim(longClaim("k"))).kind).toBe("acquired");
      expect(await store.health()).toEqual({ isHealthy: false, problems: [expect.stringContaining("NOPERM")] });
    });

    test("Redis removes no record that runs, and a result when it expires", async () => {
      const server = await started();
      const store = redisStore(connect(server.port));
      const control = admin(server.port);
      const one = longClaim("k", { leaseMs: 5, retentionMs: 10 });
      const removedAt = async (): Promise<number> => control.pexpiretime((await control.keys("*"))[0]!);
      // From then on the server's time is known, and a claim is one SET.
      await store.claim(longClaim("warm"));
      await control.flushall();
      for (const claim of [one, { ...one, owner: "next", takeOverAfterMs: 0 }]) {
        while ((await store.claim(claim)).kind !== "acquired") await control.ping();
        expect(await removedAt()).toBeGreaterThan(Date.UTC(2200));
        expect((await store.inspect(one))?.record.expiresAt).toBe(Infinity);
      }
      await store.complete({ ...one, owner: "next", result, retentionMs: 20_000 });
      expect(await removedAt()).toBe((await store.inspect(one))?.record.expiresAt);
      expect(await removedAt()).toBeLessThan(Date.now() + 60_000);
    });

    test("Redis itself removes a key that its claim holds no longer, and not before its lease is over", async () => {
      const server = await started();
      const store = redisStore(connect(server.port));
      const control = admin(server.port);
      const one = longClaim("k", { leaseMs: 500, heldRetentionMs: 10_000 });
      const removedAt = async (): Promise<number> => control.pexpiretime((await control.keys("*"))[0]!);
      await store.claim(one);
      expect(await removedAt()).toBe((await store.inspect(one))?.record.expiresAt);
      await store.renew({ ...one, leaseMs: 60_000 });
      expect(await removedAt()).toBe((await store.inspect(one))?.record.leaseUntil);
      await store.complete({ ...one, result, retentionMs: 20_000 });
      expect(await removedAt()).toBe((await store.inspect(one))?.record.expiresAt);

      const brief = longClaim("brief", { leaseMs: 20, heldRetentionMs: 30 });
      await store.claim(brief);
      while ((await control.dbsize()) > 1) await control.ping();
      expect(await store.inspect(brief)).toBeUndefined();
      expect(await store.purge({ limit: 10 })).toBe(0);
    });

    test("keys of others are neither listed nor touched, and what is no record is an error", async () => {
      const server = await started();
      const store = redisStore(connect(server.port));
      const control = admin(server.port);
      await control.mset({ "once-again:[1,2]": "x", 'once-again:["a"': "x", 'once-again:["a","b"]': "x", other: "x" });
      await store.claim({ ...longClaim("b]*"), scope: "a[?" });
      expect((await store.list({ scope: "a[?" })).map(({ key }) => key)).toEqual(["b]*"]);
      await expect(store.claim({ ...longClaim("b"), scope: "a" })).rejects.toMatchObject({
        code: "ONCE_RECORD_BROKEN",
      });
      expect(await control.dbsize()).toBe(5);
    });

    test("pages of many records are whole and in order", async () => {
      const server = await started({ appendfsync: "no" });
      const store = redisStore(connect(server.port));
      const keys = Array.from({ length: 3000 }, (_, index) => String(index)).sort();
      await Promise.all(keys.map((key) => store.claim(longClaim(key))));
      const listed: string[] = [];
      for (;;) {
        const last = listed.at(-1);
        const after = last === undefined ? {} : { after: { scope: "acme", key: last } };
        const page = await store.list({ limit: 1000, ...after });
        if (page.length === 0) break;
        listed.push(...page.map(({ key }) => key));
      }
      expect(listed).toEqual(keys);
    });
  });

  test("a server that is too old grants nothing, and health() says so", async () => {
    // Redis 6.2 takes NX and GET together for a mistake, and has no PEXPIRETIME.
    const client: RedisClient = {
      callBuffer: async (name) => {
        if (name !== "INFO") throw new Error("ERR Error running script: Unknown Redis command called from script");
        return "redis_version:6.2.14\r\nrole:master\r\nmaxmemory_policy:noeviction\r\naof_enabled:1\r\n";
      },
    };
    for (const acknowledgeEviction of [false, true]) {
      await expect(redisStore(client, { acknowledgeEviction }).claim(longClaim("k"))).rejects.toMatchObject({
        code: "ONCE_OPTION_INVALID",
        message: expect.stringContaining("Redis 6.2.14, and redisStore needs Redis 7.0 or later") as string,
      });
    }
    expect(await redisStore(client).health()).toEqual({
      isHealthy: false,
      problems: [expect.stringContaining("Use Redis 7.0 or later")],
    });
  });

  test("its options are checked", () => {
    const invalid = expect.objectContaining({ code: "ONCE_OPTION_INVALID" }) as Error;
    const client: RedisClient = { callBuffer: async () => null };
    for (const prefix of ["", "a b", "a{b}", "*", "x".repeat(65), 7 as unknown as string]) {
      expect(() => redisStore(client, { prefix })).toThrow(invalid);
    }
    for (const other of [undefined, null, {}, "redis://"] as unknown as RedisClient[]) {
      expect(() => redisStore(other)).toThrow(invalid);
    }
    expect(() => redisStore(client, { silentMsMax: 0 })).toThrow(invalid);
    expect(redisStore(client).survivesFailover).toBe("no");
  });
});
