import { randomUUID } from "node:crypto";
import type { RowDataPacket } from "mysql2/promise";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import { databases, mariadbPool } from "../../../../../test/mariadb/databases.ts";
import { killUnderLoad } from "../../../../../test/support/kill-under-load.ts";
import { cutProxy } from "../../../../../test/support/servers/cut-proxy.ts";
import { describeWithServer } from "../../../../../test/support/servers/describe-with-server.ts";
import { mariadbBinary, startMariadb } from "../../../../../test/support/servers/mariadb.ts";
import { loseBeforeCommit, loseEachAnswer } from "../../../../../test/support/lost-connections.ts";
import { longClaim } from "../../../../../test/support/long-claim.ts";
import { systemClock } from "../../core/system-clock.ts";
import { mariadbStore } from "./index.ts";
import type { MariadbStoreOptions } from "./store.ts";
import { fakeClock } from "../../../../testing/src/fake-clock.ts";

const result = Uint8Array.of(1, 2, 3);
const operation = { scope: "acme", key: "order-7", fingerprint: "f", retentionMs: 60_000 };
const commit = { keep: "commit", result, value: "ran" } as const;
const never = (): never => expect.fail("ran again");
const unavailable = expect.objectContaining({ code: "ONCE_STORE_UNAVAILABLE" }) as Error;
const insert = (name: string): string => `INSERT INTO effects VALUES ('${name}', 0)`;

describeWithServer("a MariaDB store at its limits", mariadbBinary, () => {
  const { server, create } = databases();

  const opened = async ({
    connectionLimit = 10,
    ...options
  }: MariadbStoreOptions & { connectionLimit?: number } = {}) => {
    const url = await create();
    const store = mariadbStore(mariadbPool(url, { connectionLimit }), options);
    await store.migrate();
    const outside = mariadbPool(url, { connectionLimit: 2 });
    await outside.query("CREATE TABLE effects (name varchar(255) PRIMARY KEY, count int)");
    const effects = async () =>
      (await outside.query<RowDataPacket[]>("SELECT name FROM effects"))[0].map((row): unknown => row["name"]);
    return { url, store, outside, effects };
  };
  const through = (url: string, port: number, connectionLimit = 10) =>
    mariadbStore(mariadbPool(url.replace(/:\d+\//, `:${port}/`), { connectionLimit }));

  test("a claim, a completion and a replay cost a trip each, a whole transaction two", async () => {
    const { url } = await opened();
    await using proxy = await cutProxy(server().port);
    const store = through(url, proxy.port, 1);
    const spent = async (work: () => Promise<unknown>): Promise<number> => {
      const before = proxy.trips();
      await work();
      return proxy.trips() - before;
    };
    await store.inspect(operation);
    const claim = longClaim("k");
    expect(await spent(() => store.claim(claim))).toBe(1);
    expect(await spent(() => store.complete({ ...claim, result }))).toBe(1);
    expect(await spent(() => store.claim(longClaim("k")))).toBe(1);
    expect(await spent(() => store.transact(operation, async () => commit))).toBe(2);
    // Its rollback is a trip too, which is not awaited.
    expect(await spent(() => store.transact(operation, never))).toBeOneOf([1, 2]);
  });

  test("while tables are locked, MariaDB ends by itself what the store waits for no longer", async () => {
    const { url, outside } = await opened();
    const connectionLimit = 4;
    const pool = mariadbPool(url, { connectionLimit });
    const store = mariadbStore(pool, { busyMsMax: 300 });
    const [holder, watch] = [await outside.getConnection(), await outside.getConnection()];
    await holder.query("FLUSH TABLES WITH READ LOCK");
    const waiting = async (): Promise<number> => {
      const [rows] = await watch.query<RowDataPacket[]>(
        "SELECT count(*) AS count FROM information_schema.processlist WHERE db = DATABASE() AND id NOT IN (?)",
        [[holder.threadId, watch.threadId]],
      );
      return Number(rows[0]?.["count"]);
    };
    // The pool that made the tables has idle connections.
    const others = await waiting();
    for (let round = 0; round < 2; round += 1) {
      const asks = Array.from({ length: 12 }, (_, index) =>
        index % 2 === 0
          ? store.claim(longClaim(`round ${round} key ${index}`))
          : store.transact({ ...operation, key: `round ${round} key ${index}` }, async () => commit),
      );
      await Promise.allSettled(asks);
      // It looks at the sockets of those who wait for a lock, each second.
      await expect.poll(waiting).toBeLessThanOrEqual(others + connectionLimit);
    }
    await holder.query("UNLOCK TABLES");
    holder.release();
    watch.release();
    expect((await mariadbStore(pool).claim(longClaim("after"))).kind).toBe("acquired");
  });

  test("a replay writes nothing", async () => {
    const { store, outside } = await opened();
    const claim = longClaim("k");
    await store.claim(claim);
    await store.complete({ ...claim, result });
    const written = async (): Promise<unknown> =>
      (
        await outside.query("SHOW GLOBAL STATUS WHERE Variable_name IN ('Innodb_rows_inserted', 'Innodb_rows_updated')")
      )[0];
    const before = await written();
    expect((await store.claim(longClaim("k"))).kind).toBe("done");
    expect((await store.claim(longClaim("k", { fingerprint: "g" }))).kind).toBe("mismatch");
    expect((await store.transact({ ...operation, key: "k" }, never)).kind).toBe("done");
    expect(await written()).toEqual(before);
  });

  test("the server's clock decides: a caller with its clock an hour off changes nothing", async () => {
    const { store } = await opened();
    onTestFinished(() => void vi.useRealTimers());
    const claimedAt = Date.now();
    vi.useFakeTimers({ toFake: ["Date"], now: claimedAt + 3_600_000 });
    await store.claim(longClaim("k"));
    vi.setSystemTime(claimedAt - 3_600_000);
    expect((await store.claim(longClaim("k", { takeOverAfterMs: 0 }))).kind).toBe("in-progress");
    vi.useRealTimers();
    const found = await store.inspect({ scope: "acme", key: "k" });
    expect(Math.abs((found?.record.createdAt ?? 0) - claimedAt)).toBeLessThan(60_000);
  });

  test("the time zone of a connection changes nothing", async () => {
    const { url, store } = await opened();
    const pool = mariadbPool(url, { connectionLimit: 1 });
    await pool.query("SET time_zone = '+10:00'");
    await mariadbStore(pool).claim(longClaim("k"));
    expect((await store.claim(longClaim("k", { takeOverAfterMs: 0 }))).kind).toBe("in-progress");
  });

  test("what was not acknowledged is found out by asking again", async () => {
    const { url, effects } = await opened();
    await using proxy = await cutProxy(server().port);
    const store = through(url, proxy.port, 1);
    await loseEachAnswer(store, proxy, (connection, name) => connection.query(insert(name)));
    expect(await effects()).toEqual(["run 1"]);
  });

  test("a transaction that loses its connection before the commit runs again; a step is asked for again", async () => {
    const { url, effects } = await opened();
    await using proxy = await cutProxy(server().port);
    const store = through(url, proxy.port);
    await loseBeforeCommit(store, proxy, (connection, name) => connection.query(insert(name)));
    expect(await effects()).toEqual(["run 2", "run 4"]);
  });

  test("a deadlock with another transaction runs the handler again", async () => {
    const { store, outside } = await opened();
    await outside.query("INSERT INTO effects VALUES ('a', 0), ('b', 0)");
    const raise = (name: string): string => `UPDATE effects SET count = count + 1 WHERE name = '${name}'`;
    const other = await outside.getConnection();
    await other.query("START TRANSACTION");
    await other.query(raise("b"));
    // InnoDB ends the transaction that changed less.
    await other.query("INSERT INTO effects VALUES ('c', 0), ('d', 0), ('e', 0), ('f', 0), ('g', 0), ('h', 0)");
    let runs = 0;
    const answer = await store.transact(operation, async (connection) => {
      runs += 1;
      await connection.query(raise("a"));
      const others = runs === 1 ? other.query(raise("a")).then(() => other.query("COMMIT")) : undefined;
      await connection.query(raise("b"));
      await others;
      return commit;
    });
    other.release();
    expect(answer.kind).toBe("executed");
    expect(runs).toBe(2);
    const [rows] = await outside.query("SELECT name, count FROM effects WHERE count > 0");
    expect(rows).toEqual([
      { name: "a", count: 2 },
      { name: "b", count: 2 },
    ]);
  });

  test.for(["read committed", "repeatable read", "serializable"] as const)(
    "of 20 duplicates under %s, one runs",
    async (isolation) => {
      const { store, effects } = await opened({ isolation });
      const answers = await Promise.allSettled(
        Array.from({ length: 20 }, (_, index) =>
          store.transact(operation, async (connection) => {
            await connection.query(insert(`${index}`));
            return commit;
          }),
        ),
      );
      expect(answers.filter(({ status }) => status === "rejected")).toEqual([]);
      expect(await effects()).toHaveLength(1);
    },
  );

  test("a pool without a free connection is unavailable, in time, and gets back what it lent", async () => {
    const { url } = await opened();
    const clock = fakeClock();
    const store = mariadbStore(mariadbPool(url, { connectionLimit: 1 }), { busyMsMax: 200, clock });
    const [go, inside] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const running = store.transact(operation, async () => {
      inside.resolve();
      await go.promise;
      return commit;
    });
    await inside.promise;
    const other = { ...operation, key: "other" };
    for (const ask of [() => store.transact(other, never), () => store.claim(longClaim("leased"))]) {
      const [refused] = await Promise.all([ask().catch((error: unknown) => error), clock.advance(200)]);
      expect(refused).toEqual(unavailable);
    }
    go.resolve();
    expect((await running).kind).toBe("executed");
    expect((await store.transact(other, async () => commit)).kind).toBe("executed");
  });

  test("connections that fell silent are replaced, in leased and in transactional mode, within one wait", async () => {
    const { url } = await opened();
    await using proxy = await cutProxy(server().port);
    const pool = mariadbPool(url.replace(/:\d+\//, `:${proxy.port}/`), { connectionLimit: 2 });
    let waits = 0;
    const timer: typeof systemClock.timer = (ms, callback) =>
      systemClock.timer(ms, () => {
        // The others are turns of batches, and what one call began later than the other.
        if (ms > 1000) waits += 1;
        callback();
      });
    const store = mariadbStore(pool, { busyMsMax: 2000, clock: { ...systemClock, timer } });
    const transact = (key: string): Promise<unknown> =>
      store.transact({ ...operation, key: `in ${key}` }, async () => commit);
    for (const ask of [(key: string): Promise<unknown> => store.claim(longClaim(key)), transact]) {
      // New keys, and their commits were awaited: both connections are idle.
      await Promise.all([randomUUID(), randomUUID()].map(transact));
      proxy.silence();
      waits = 0;
      const lost = await Promise.allSettled(["c", "d"].map(ask));
      expect(lost.map(({ status }) => status)).toEqual(["rejected", "rejected"]);
      // Both are waited for by one timer, and no ROLLBACK by a second one.
      expect(waits).toBe(1);
      await Promise.all(["e", "f"].map(ask));
    }
  });

  test("without its tables, every operation says how to make them", async () => {
    const store = mariadbStore(mariadbPool(await create()));
    await expect(store.claim(longClaim("k"))).rejects.toThrow("store.migrate()");
    await expect(store.transact(operation, never)).rejects.toThrow("store.migrate()");
    expect((await store.health()).problems).toEqual([expect.stringContaining("run migrate()")]);
  });

  test("a server that is killed under load and comes back loses nothing it acknowledged, and grants nothing twice", async () => {
    await using own = await startMariadb();
    const pool = mariadbPool(own.url);
    const store = mariadbStore(pool);
    await store.migrate();
    await pool.query("CREATE TABLE effects (name varchar(255), count int)");
    await killUnderLoad(own, {
      store,
      insert: (connection, name) => connection.query(insert(name)),
      names: async () =>
        (await pool.query<RowDataPacket[]>("SELECT name FROM effects"))[0].map((row) => String(row["name"])),
    });
  });

  describe("the tables", () => {
    test("are made by any number of processes at a time, with a prefix of their own", async () => {
      const url = await create();
      const options = { tablePrefix: "shop_" };
      const store = mariadbStore(mariadbPool(url), options);
      expect((await store.health()).problems).toEqual([expect.stringContaining("run migrate()")]);
      await Promise.all(Array.from({ length: 8 }, () => mariadbStore(mariadbPool(url), options).migrate()));
      await store.migrate();
      expect(await store.health()).toEqual({ isHealthy: true, problems: [] });
      const [rows] = await mariadbPool(url).query("SHOW TABLES");
      expect((rows as object[]).flatMap(Object.values)).toEqual(["shop_keys", "shop_marks", "shop_schema"]);
      expect(store.schemaSql).toContain("CREATE TABLE IF NOT EXISTS shop_keys");
    });

    test.for(["once_again_keys", "once_again_marks", "once_again_schema"])(
      "are made anew by migrate() where %s was dropped",
      async (table) => {
        const { store, outside } = await opened();
        await outside.query(`DROP TABLE ${table}`);
        expect((await store.health()).problems).toEqual([expect.stringContaining("run migrate()")]);
        await store.migrate();
        expect(await store.health()).toEqual({ isHealthy: true, problems: [] });
        expect((await store.claim(longClaim("k"))).kind).toBe("acquired");
      },
    );

    test("need no right to those that its operations do not use", async () => {
      const { url, outside } = await opened();
      // Anyone may do anything in those that begin with "test_".
      const [user, database] = ["u", "d"].map((kind) => kind + randomUUID().replaceAll("-", "")) as [string, string];
      await outside.query(`CREATE DATABASE ${database}`);
      const least = new URL(url);
      least.pathname = database;
      await mariadbStore(mariadbPool(least.href)).migrate();
      await outside.query(`CREATE USER ${user}@'%'`);
      await outside.query(`CREATE USER ${user}@localhost`);
      for (const host of ["'%'", "localhost"]) {
        await outside.query(`GRANT SELECT, INSERT, UPDATE, DELETE ON ${database}.once_again_keys TO ${user}@${host}`);
        await outside.query(`GRANT SELECT ON ${database}.once_again_schema TO ${user}@${host}`);
      }
      least.username = user;
      const pool = mariadbPool(least.href);
      await expect(pool.query("SELECT 1 FROM once_again_marks")).rejects.toMatchObject({ errno: 1142 });
      const store = mariadbStore(pool);
      expect(await store.health()).toEqual({ isHealthy: true, problems: [] });
      expect((await store.claim(longClaim("k"))).kind).toBe("acquired");
    });

    test("are on a server that keeps what it acknowledges, or it is not healthy", async () => {
      const { store, outside } = await opened();
      await outside.query("SET GLOBAL innodb_flush_log_at_trx_commit = 2");
      expect((await store.health()).problems).toEqual([
        expect.stringContaining("innodb_flush_log_at_trx_commit is not 1"),
      ]);
      await outside.query("SET GLOBAL innodb_flush_log_at_trx_commit = 1, GLOBAL read_only = 1");
      expect((await store.health()).problems).toEqual([expect.stringContaining("only reads")]);
      await outside.query("SET GLOBAL read_only = 0");
      expect(await store.health()).toEqual({ isHealthy: true, problems: [] });
    });
  });
});
