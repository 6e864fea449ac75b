import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import type { Clock } from "../packages/once-again/src/core/clock.ts";
import { systemClock } from "../packages/once-again/src/core/system-clock.ts";
import { memoryStore } from "../packages/once-again/src/stores/memory/index.ts";
import { natsStore } from "../packages/once-again/src/stores/nats/index.ts";
import { redisStoreOn } from "../packages/once-again/src/stores/redis/store.ts";
import { sqliteStore } from "../packages/once-again/src/stores/sqlite/index.ts";
import type { Store } from "../packages/once-again/src/stores/store.ts";
import { databases as mariadbDatabases, mariadbPool, onClock as mariadbOnClock } from "./mariadb/databases.ts";
import { bucket, natsConnection, onClock as natsOnClock } from "./nats/buckets.ts";
import { databases as postgresDatabases, onClock as postgresOnClock, pgPool } from "./postgres/databases.ts";
import { admin } from "./redis/clients.ts";
import { onClock as redisOnClock } from "./redis/on-clock.ts";
import { describeWithServer } from "./support/servers/describe-with-server.ts";
import { mariadbBinary } from "./support/servers/mariadb.ts";
import { natsBinary, startNats } from "./support/servers/nats.ts";
import { postgresBinary } from "./support/servers/postgres.ts";
import { redisBinary, startRedis } from "./support/servers/redis.ts";
import { temporaryFolder } from "./support/temporary-folder.ts";

// A clock that was ten minutes ahead and was set back: what was claimed meanwhile is seen, and nothing else.

const jumpMs = 600_000;

/** A clock that can be set. */
function settableClock(): Clock & { aheadMs: number } {
  const clock = { ...systemClock, aheadMs: 0, now: () => 1_700_000_000_000 + clock.aheadMs };
  return clock;
}

async function expectSeen(open: (clock: Clock) => Store | Promise<Store>, counts: boolean): Promise<void> {
  const clock = settableClock();
  const store = await open(clock);
  onTestFinished(() => store.close());
  const claim = async (key: string): Promise<unknown> =>
    store.claim({ scope: "a", key, fingerprint: "f", owner: key, leaseMs: 30_000, retentionMs: 3_600_000 });
  await claim("before");
  clock.aheadMs = jumpMs;
  await claim("died");
  await claim("done");
  await store.complete({ scope: "a", key: "done", owner: "done", result: new Uint8Array(), retentionMs: 3_600_000 });
  // As clocks that stand in for each other may differ.
  clock.aheadMs = 5000;
  await claim("near");
  clock.aheadMs = 0;
  await claim("after");
  const listed = await store.list({});
  expect(listed.map(({ key, state, aheadMs }) => [key, state, aheadMs])).toEqual([
    ["after", "running", undefined],
    ["before", "running", undefined],
    ["died", "running", jumpMs],
    ["done", "done", jumpMs],
    ["near", "running", undefined],
  ]);
  expect(await store.inspect({ scope: "a", key: "died" })).toMatchObject({ aheadMs: jumpMs });
  if (!counts) return;
  expect(await store.countHeld!()).toEqual({ keys: 0, ahead: 1 });
  // When the clock is there again, it is held.
  clock.aheadMs = jumpMs + 60_000;
  expect(await store.countHeld!()).toEqual({ keys: 4, oldestMs: expect.any(Number) });
}

test("in memory", () => expectSeen((clock) => memoryStore({ clock }), true));

test("in SQLite", () => expectSeen((clock) => sqliteStore({ path: join(temporaryFolder(), "keys.db"), clock }), true));

describeWithServer("in PostgreSQL", postgresBinary, () => {
  const { server } = postgresDatabases();
  test("by its clock", () =>
    expectSeen(async (clock) => {
      const store = postgresOnClock(pgPool(server().url), clock, {});
      await store.migrate();
      return store;
    }, true));
});

describeWithServer("in MariaDB", mariadbBinary, () => {
  const { server } = mariadbDatabases();
  test("by its clock", () =>
    expectSeen(async (clock) => {
      const store = mariadbOnClock(mariadbPool(server().url), clock, {});
      await store.migrate();
      return store;
    }, true));
});

describeWithServer("in Redis", redisBinary, () => {
  test("by its clock", async () => {
    await using server = await startRedis();
    await expectSeen((clock) => redisStoreOn(redisOnClock(admin(server.port), clock), { prefix: "p:" }, clock), false);
  });
});

describeWithServer("in NATS", natsBinary, () => {
  test("by its clock", async () => {
    await using server = await startNats();
    const connection = await natsConnection([server.port]);
    onTestFinished(() => connection.close());
    await expectSeen(async (clock) => natsStore(natsOnClock(await bucket(connection, "keys"), clock)), false);
  });
});
