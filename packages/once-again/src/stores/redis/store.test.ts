import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { admin, allSingleClients } from "../../../../../test/redis/clients.ts";
import { describeWithServer } from "../../../../../test/support/servers/describe-with-server.ts";
import type { PrivateServer } from "../../../../../test/support/servers/private-server.ts";
import { redisBinary, startRedis, valkeyBinary } from "../../../../../test/support/servers/redis.ts";
import { longClaim } from "../../../../../test/support/long-claim.ts";
import { repeatUntil } from "../../../../../test/support/store-load.ts";
import type { Clock } from "../../core/clock.ts";
import { systemClock } from "../../core/system-clock.ts";
import type { Acquired, ClaimRequest } from "../store.ts";
import { redisKey } from "./record-format.ts";
import { type RedisStore, redisStore } from "./index.ts";
import { redisStoreOn } from "./store.ts";

const result = Uint8Array.of(0, 10, 255);

describe.for([
  ["Redis", redisBinary],
  ["Valkey", valkeyBinary],
] as const)("the Redis store", ([engine, binary]) => {
  describeWithServer(`on ${engine}`, binary, () => {
    let server: PrivateServer;
    let prefixes = 0;
    const newPrefix = (): string => `test-${(prefixes += 1)}:`;
    beforeAll(async () => {
      server = await startRedis({ binary });
    });
    afterAll(() => server[Symbol.asyncDispose]());

    describe.for(Object.entries(allSingleClients))("through %s", ([, connect]) => {
      const opened = (): RedisStore => redisStore(connect(server.port), { prefix: newPrefix() });
      test("a claim, a replay, a completion are one command each", async () => {
        const store = opened();
        for (const key of ["the server's time", "whether it compares itself"]) {
          const warm = longClaim(key);
          await store.claim(warm);
          await store.complete({ ...warm, result });
        }
        const one = longClaim("k");
        const calls = await callsDuring(server.port, async () => {
          await store.claim(one);
          await store.complete({ ...one, result });
          await store.claim({ ...one, owner: "other" });
        });
        // Valkey 8.1 has SET … IFEQ, Redis 8.0 has not.
        expect(calls).toEqual(["set", engine === "Valkey" ? "set" : "evalsha", "set"]);
      });

      test("scripts that the server has lost are sent again", async () => {
        const store = opened();
        for (const key of ["first", "second"]) {
          const one = longClaim(key);
          await admin(server.port).script("FLUSH");
          expect([await store.claim(one), await store.complete({ ...one, result })]).toMatchObject([
            { kind: "acquired" },
            true,
          ]);
          await admin(server.port).script("FLUSH");
          expect(await store.renew(one)).toBe(false);
          expect(await store.claim({ ...one, owner: "other" })).toEqual({ kind: "done", result });
        }
      });

      test("a claim and its completion that are sent at once keep their order", async () => {
        const store = opened();
        for (const key of ["first", "second"]) {
          const one = longClaim(key);
          await admin(server.port).script("FLUSH");
          const answers = [store.claim(one), store.complete({ ...one, result })];
          expect(await Promise.all(answers)).toMatchObject([{ kind: "acquired" }, true]);
        }
      });

      test("of 1,000 claims of one key at once over two connections, one wins", async () => {
        const prefix = newPrefix();
        const pair = [1, 2].map(() => redisStore(connect(server.port), { prefix }));
        for (const store of pair) await store.claim(longClaim("warm"));
        const claims = Array.from({ length: 1000 }, (_, index) => pair[index % 2]!.claim(longClaim("k")));
        const kinds = (await Promise.all(claims)).map(({ kind }) => kind);
        expect(kinds.filter((kind) => kind === "acquired")).toHaveLength(1);
        expect(kinds.filter((kind) => kind === "in-progress")).toHaveLength(999);
      });

      test("times that are no whole milliseconds, or past the year 2200, leave a record that can be read", async () => {
        const store = opened();
        for (const key of ["by the script", "by SET"]) {
          const one = longClaim(key, { leaseMs: 0.5, retentionMs: 1e15 + 0.5 });
          expect((await store.claim(one)).kind).toBe("acquired");
          expect(await store.renew({ ...one, leaseMs: 1e15 })).toBe(true);
          expect((await store.inspect(one))?.state).toBe("running");
          expect(await store.complete({ ...one, result })).toBe(true);
          expect(await store.claim({ ...one, owner: "other" })).toEqual({ kind: "done", result });
          expect((await store.inspect(one))?.record.expiresAt).toBeGreaterThan(Date.UTC(2200));
        }
      });

      test("a caller with its clock an hour off changes nothing", async () => {
        const prefix = newPrefix();
        const [store, other] = [-3_600_000, 3_600_000].map((ms) =>
          redisStoreOn(connect(server.port), { prefix }, clockBehind(ms)),
        ) as [RedisStore, RedisStore];
        for (const each of [store, other]) await each.claim(longClaim("warm"));
        for (const key of ["k", "l"]) {
          const one = longClaim(key);
          const { fence } = (await store.claim(one)) as Acquired;
          expect((await other.claim({ ...one, owner: "other" })).kind).toBe("in-progress");
          const { createdAt, leaseUntil } = (await store.inspect(one))!.record;
          const [seconds] = (await admin(server.port).time()) as [number, number];
          expect(Math.abs(seconds * 1000 - createdAt)).toBeLessThan(60_000);
          expect(Math.abs(fence - createdAt)).toBeLessThan(60_000);
          expect(leaseUntil - createdAt).toBe(one.leaseMs);
        }
      });

      describe("one that knows the server's time less well", () => {
        const minute = { leaseMs: 5000, retentionMs: 60_000 };
        /** Two stores on the same keys, of which the second believes in an earlier time. */
        const pair = async (): Promise<{ prompt: RedisStore; late: RedisStore }> => {
          const prefix = newPrefix();
          let lagMs = 0;
          const late = redisStoreOn(
            connect(server.port),
            { prefix },
            clockBehind(() => lagMs),
          );
          const prompt = redisStore(connect(server.port), { prefix });
          for (const store of [late, prompt]) await store.claim(longClaim("warm"));
          lagMs = 10_000;
          return { prompt, late };
        };

        test("gives its fence from that time, and no lease", async () => {
          const { prompt, late } = await pair();
          const one = longClaim("k", minute);
          const { fence } = (await late.claim(one)) as Acquired;
          const { createdAt, leaseUntil } = (await prompt.inspect(one))!.record;
          expect(createdAt - fence).toBeGreaterThan(5000);
          expect(leaseUntil).toBe(createdAt + one.leaseMs);
          expect(await prompt.claim({ ...one, owner: "other" })).toMatchObject({ kind: "in-progress" });
        });

        test("gives a higher fence than a released attempt had, and than one that was settled as not executed", async () => {
          const { prompt, late } = await pair();
          for (const settle of [
            (claim: ClaimRequest) => prompt.release(claim),
            async (claim: ClaimRequest) => {
              await prompt.renew({ ...claim, leaseMs: 0 });
              return prompt.resolve({ ...claim, settlement: { as: "not-executed" } });
            },
          ]) {
            const one = longClaim("k", minute);
            const before = (await prompt.claim(one)) as Acquired;
            expect(await settle(one)).toBe(true);
            expect(await prompt.inspect(one)).toBeUndefined();
            expect(await prompt.list({ scope: one.scope })).toMatchObject([{ key: "warm" }]);
            const again = { ...one, owner: "again" };
            const after = (await late.claim(again)) as Acquired;
            expect(after).toMatchObject({ kind: "acquired", attempt: 1, abandoned: false });
            expect(after.fence).toBeGreaterThan(before.fence);
            expect(await late.release(again)).toBe(true);
          }
        });
      });

      test("a completion of what another took over meanwhile changes nothing", async () => {
        const prefix = newPrefix();
        const [store, other] = [
          redisStore(connect(server.port), { prefix }),
          redisStore(connect(server.port), { prefix }),
        ];
        await store.claim(longClaim("warm"));
        const one = longClaim("k", { leaseMs: 1 });
        expect((await store.claim(one)).kind).toBe("acquired");
        const next = { ...one, owner: "next", leaseMs: 60_000, takeOverAfterMs: 0 };
        await repeatUntil(async () => (await other.claim(next)).kind === "acquired");
        expect(await store.complete({ ...one, result: Uint8Array.of(9) })).toBe(false);
        expect(await other.complete({ ...next, result })).toBe(true);
        expect(await store.claim(one)).toEqual({ kind: "done", result });
      });

      test("a record of another version, or that never expires, or that is no text, answers nothing", async () => {
        const prefix = newPrefix();
        const store = redisStore(connect(server.port), { prefix });
        const control = admin(server.port);
        const name = longClaim("k");
        const key = redisKey(prefix, name);
        const broken: Record<string, () => Promise<unknown>> = {
          "another version": () => control.set(key, "2 done f o 1 1 1 1\nx", "PX", 60_000),
          "a bad escape": () => control.set(key, "1 running f %zz 1 1 1 1\n", "PX", 60_000),
          "no expiry": () => control.set(key, "1 running f o 1 1 60000 60000\n"),
          "a list": () => control.rpush(key, "x"),
        };
        for (const [what, set] of Object.entries(broken)) {
          await set();
          // A claim does not read the part that can't be read.
          if (what !== "a bad escape") {
            await expect(store.claim(name), what).rejects.toMatchObject({ code: "ONCE_RECORD_BROKEN" });
          }
          expect(await store.inspect(name), what).toMatchObject({ state: "broken" });
          expect(await store.list({}), what).toMatchObject([{ state: "broken" }]);
          await control.del(key);
          await store.claim(name);
          await store.release(name);
          await control.del(key);
        }
      });
    });
  });
});

test("the client's own keyPrefix is before all keys, and list() finds them", async () => {
  await using server = await startRedis();
  const store = redisStore(admin(server.port, { keyPrefix: "app[1]:" }));
  for (const key of ["a", "b"]) await store.claim(longClaim(key));
  await redisStore(admin(server.port)).claim(longClaim("another's"));
  expect((await store.list({ scope: "acme" })).map(({ key }) => key)).toEqual(["a", "b"]);
  expect(await admin(server.port).exists('app[1]:once-again:["acme","a"]')).toBe(1);
});

/** A clock that is behind the machine's, wall and monotonic. */
function clockBehind(ms: number | (() => number)): Clock {
  const lagMs = typeof ms === "number" ? () => ms : ms;
  return {
    ...systemClock,
    now: () => systemClock.now() - lagMs(),
    monotonic: () => systemClock.monotonic() - lagMs(),
  };
}

/** The commands that clients send while something is done, in order. */
async function callsDuring(port: number, work: () => Promise<void>): Promise<string[]> {
  const monitor = await admin(port).monitor();
  const seen: string[] = [];
  const ended = new Promise<void>((resolve) => {
    monitor.on("monitor", (_time: string, [name]: string[], source: string) => {
      // MONITOR marks the calls of scripts with "lua".
      if (source !== "lua") seen.push(name!.toLowerCase());
      if (name!.toLowerCase() === "echo") resolve();
    });
  });
  await work();
  await admin(port).echo("end");
  await ended;
  monitor.disconnect();
  const isOurs = (name: string): boolean => !["echo", "info", "hello", "client"].includes(name);
  return seen.filter(isOurs);
}
