import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { admin, singleClients } from "../../../../../test/redis/clients.ts";
import { onClock } from "../../../../../test/redis/on-clock.ts";
import { describeWithServer } from "../../../../../test/support/servers/describe-with-server.ts";
import type { PrivateServer } from "../../../../../test/support/servers/private-server.ts";
import { redisBinary, startRedis, valkeyBinary } from "../../../../../test/support/servers/redis.ts";
import { longClaim } from "../../../../../test/support/long-claim.ts";
import { fakeClock } from "../../testing/fake-clock.ts";
import type { RecordName } from "../store.ts";
import { redisKey } from "./names.ts";
import { storeContract } from "../../testing/store-contract/store-contract.ts";
import { type RedisStore, redisStore } from "./index.ts";

const result = Uint8Array.of(0, 10, 255);

/** Cases that make no sense where Redis has removed a record as soon as it expired. */
const redisDoesItself = ["expired records are purged, up to the limit, and no others"];

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

    describe("to the millisecond", () => {
      const clock = fakeClock(1_700_000_000_000);
      const open = (records: string): RedisStore =>
        redisStore(onClock(admin(server.port), clock), { prefix: `${records}:` });
      const cases = storeContract({ clock, open });
      for (const { name, run } of cases.filter(({ name }) => !redisDoesItself.includes(name))) test(name, run);
    });

    describe.for(Object.entries(singleClients))("through %s", ([, connect]) => {
      const opened = (): RedisStore => redisStore(connect(server.port), { prefix: newPrefix() });
      const open = (records: string): RedisStore => redisStore(connect(server.port), { prefix: `${records}:` });

      const breakRecord = async (records: string, name: RecordName) => {
        const key = redisKey(`${records}:`, name);
        const text = (await admin(server.port).getBuffer(key))!.toString("latin1");
        await admin(server.port).set(key, Buffer.from(text.replace(/(?<=running|done) \d+/, " 0"), "latin1"));
      };
      for (const { name, run } of storeContract({ open, breakRecord })) test(name, run);

      test("a claim, a replay, a completion are one round trip each", async () => {
        const store = opened();
        await store.claim(longClaim("warm"));
        const one = longClaim("k");
        const calls = await callsDuring(server.port, async () => {
          await store.claim(one);
          await store.complete({ ...one, result });
          await store.claim({ ...one, owner: "other" });
        });
        expect(calls).toEqual(["evalsha", "evalsha", "evalsha"]);
      });

      test("a script that the server has lost is sent again, and the order kept", async () => {
        const store = opened();
        const one = longClaim("k");
        await admin(server.port).script("FLUSH");
        const answers = [store.claim(one), store.complete({ ...one, result }), store.claim({ ...one, owner: "other" })];
        expect(await Promise.all(answers)).toMatchObject([{ kind: "acquired" }, true, { kind: "done", result }]);
      });

      test("times that are no whole milliseconds, or past the year 2286, leave a record that can be read", async () => {
        const store = opened();
        const one = longClaim("k", { leaseMs: 0.5, retentionMs: 1e15 + 0.5 });
        expect((await store.claim(one)).kind).toBe("acquired");
        expect(await store.renew({ ...one, leaseMs: 1e15 })).toBe(true);
        expect(await store.complete({ ...one, result })).toBe(true);
        expect(await store.claim({ ...one, owner: "other" })).toEqual({ kind: "done", result });
        expect((await store.inspect(one))?.record.expiresAt).toBe(9_999_999_999_999);
      });

      test("a caller whose clock is an hour off changes nothing", async () => {
        const { Date: TrueDate } = globalThis;
        const store = opened();
        const one = longClaim("k");
        const skewed = (offMs: number) => {
          globalThis.Date = class extends TrueDate {
            static override now = (): number => TrueDate.now() + offMs;
          } as DateConstructor;
        };
        try {
          skewed(3_600_000);
          await store.claim(one);
          skewed(-3_600_000);
          expect((await store.claim({ ...one, owner: "other" })).kind).toBe("in-progress");
        } finally {
          globalThis.Date = TrueDate;
        }
        const [seconds] = (await admin(server.port).time()) as [number, number];
        const createdAt = (await store.inspect(one))!.record.createdAt;
        expect(Math.abs(seconds * 1000 - createdAt)).toBeLessThan(60_000);
      });
    });
  });
});

/** The commands that clients send while something is done, in order. */
async function callsDuring(port: number, work: () => Promise<void>): Promise<string[]> {
  const monitor = await admin(port).monitor();
  const seen: string[] = [];
  const ended = new Promise<void>((resolve) => {
    monitor.on("monitor", (_time: string, [name]: string[], source: string) => {
      // What scripts call is named by "lua".
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
