import { connect } from "node:net";
import { Pool } from "pg";
import postgres from "postgres";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import { longClaim } from "../../../../../test/support/long-claim.ts";
import { databases, execute, pgPool, postgresClients } from "../../../../../test/postgres/databases.ts";
import { cutProxy } from "../../../../../test/support/servers/cut-proxy.ts";
import { describeWithServer } from "../../../../../test/support/servers/describe-with-server.ts";
import { postgresBinary } from "../../../../../test/support/servers/postgres.ts";
import { OnceAgainError } from "../../core/errors.ts";
import { fakeClock } from "../../../../testing/src/fake-clock.ts";
import { postgresIntents, type PostgresStore, postgresStore } from "./index.ts";
import type { PostgresConnection } from "./client.ts";

const result = Uint8Array.of(1, 2, 3);
const operation = { scope: "acme", key: "order-7", fingerprint: "f", retentionMs: 60_000 };
const commit = { keep: "commit", result, value: "ran" } as const;
const never = (): never => expect.fail("ran");
const unavailable = expect.objectContaining({ code: "ONCE_STORE_UNAVAILABLE" }) as Error;
const overdue = new OnceAgainError("ONCE_HANDLER_TIMEOUT", "The work was given up, and goes on.");

describeWithServer("the connections of a PostgreSQL store", postgresBinary, () => {
  const { server, create } = databases();

  const migrated = async (): Promise<string> => {
    const url = await create();
    await postgresStore(pgPool(url, { max: 1 })).migrate();
    return url;
  };
  const at = (url: string, port: number): string => url.replace(/:\d+\//, `:${port}/`);

  /** Makes `count` connections, and leaves them idle. */
  const warm = async (store: PostgresStore<PostgresConnection>, count: number): Promise<void> => {
    const all = Promise.withResolvers<void>();
    let there = 0;
    await Promise.all(
      Array.from({ length: count }, (_, index) =>
        store.transact({ ...operation, key: `warm ${index}` }, async () => {
          if ((there += 1) === count) all.resolve();
          await all.promise;
          return commit;
        }),
      ),
    );
  };

  const asked: Record<string, (store: PostgresStore<PostgresConnection>, key: string) => Promise<unknown>> = {
    "a claim": (store, key) => store.claim(longClaim(key)),
    "a transaction": (store, key) => store.transact({ ...operation, key }, async () => commit),
  };

  test.for(Object.entries(asked))("that fell silent are closed by %s, and the pool makes new ones", async ([, ask]) => {
    const url = await migrated();
    await using proxy = await cutProxy(server().port);
    const pool = pgPool(at(url, proxy.port), { max: 2 });
    const patient = postgresStore(pool, { transactionsMax: 2 });
    await warm(patient, 2);
    proxy.silence();
    const store = postgresStore(pool, { busyMsMax: 400, transactionsMax: 2 });
    for (const key of ["one", "two"]) await expect(ask(store, key)).rejects.toThrow(unavailable);
    for (const key of ["three", "four", "five"]) await ask(patient, key);
    expect(pool.waitingCount).toBe(0);
  });

  test("of postgres that fell silent are closed by a time-out of the socket", async () => {
    const url = await migrated();
    await using proxy = await cutProxy(server().port);
    const silentMsMax = 2000;
    // As in the guide on transactions. The types of `postgres` (3.4.9) don't know the option.
    const socketOptions = {
      socket: ({ host, port }: { host: string[]; port: number[] }) =>
        new Promise((resolve, reject) => {
          const socket = connect(port[0]!, host[0]);
          socket.once("connect", () => resolve(socket)).once("error", reject);
          socket.setTimeout(silentMsMax, () => socket.destroy(new Error("The connection is silent.")));
        }),
    };
    const sql = postgres(at(url, proxy.port), { max: 2, onnotice: () => undefined, ...socketOptions });
    onTestFinished(() => sql.end({ timeout: 1 }));
    const patient = postgresStore(sql, { transactionsMax: 2 });
    await warm(patient as PostgresStore<PostgresConnection>, 2);
    proxy.silence();
    const store = postgresStore(sql, { busyMsMax: 200 });
    // By the store, or by a socket that is closed meanwhile.
    for (const key of ["one", "two"]) await expect(store.claim(longClaim(key))).rejects.toThrow();
    for (const key of ["three", "four", "five"]) {
      const claim = (): Promise<unknown> => patient.claim(longClaim(key));
      // Two statements in the queue of a silent one are refused when it is closed; the next connection is new.
      await claim().catch(claim).catch(claim);
    }
  });

  describe.for(Object.entries(postgresClients))("through %s", ([, open]) => {
    test.for([
      ["work that is given up", overdue],
      ["work that fails", new Error("refused")],
    ] as const)("are given back by a transaction with a slow ROLLBACK, after %s", async ([, cause]) => {
      const url = await migrated();
      const clock = fakeClock();
      const store = open(url, { connectionsMax: 2, transactionsMax: 2, busyMsMax: 200, clock });
      const all = Promise.withResolvers<void>();
      let begun = 0;
      const slow = Promise.allSettled(
        Array.from({ length: 2 }, (_, index) =>
          store.transact({ ...operation, key: `slow ${index}` }, async (given) => {
            if ((begun += 1) === 2) all.resolve();
            await all.promise;
            execute(given, "SELECT pg_sleep(0.7)").catch(() => undefined);
            await new Promise(setImmediate);
            throw cause;
          }),
        ),
      );
      await all.promise;
      // Time passes from here on alone: each has begun, and its ROLLBACK waits behind a statement that sleeps.
      const isOver = vi.fn<() => void>();
      void slow.then(isOver);
      await expect.poll(() => clock.advance(200).then(() => isOver), { interval: 20 }).toHaveBeenCalled();
      expect(await slow).toEqual([0, 1].map(() => ({ status: "rejected", reason: cause })));
      const over = new AbortController();
      onTestFinished(() => over.abort());
      const patient = await Promise.all(
        Array.from({ length: 6 }, async (_, index) => {
          while (!over.signal.aborted) {
            const answer = await store
              .transact({ ...operation, key: `quick ${index}` }, async () => commit)
              .catch(() => undefined);
            if (answer !== undefined) return answer.kind;
          }
          return "none";
        }),
      );
      expect(new Set(patient)).toEqual(new Set(["executed"]));
    });

    test("suffice for handlers that each ask the same pool for a second one", async () => {
      const url = await migrated();
      const pool = pgPool(url, { max: 3 });
      const sql = postgres(url, { max: 3, onnotice: () => undefined });
      onTestFinished(() => sql.end({ timeout: 1 }));
      const isPg = open === postgresClients["pg"];
      const store = isPg ? postgresStore(pool) : postgresStore(sql);
      const second = () => (isPg ? pool.query("SELECT 1") : sql`SELECT 1`);
      const answers = await Promise.all(
        Array.from({ length: 9 }, (_, index) =>
          store.transact({ ...operation, key: `key ${index}` }, async () => {
            await second();
            return commit;
          }),
        ),
      );
      expect(answers.every(({ kind }) => kind === "executed")).toBe(true);
    });

    test("are waited for as long as allowed in sum: for a turn, and for the beginning", async () => {
      const url = await migrated();
      await using proxy = await cutProxy(server().port);
      const clock = fakeClock();
      const store = open(at(url, proxy.port), { connectionsMax: 2, transactionsMax: 1, busyMsMax: 5000, clock });
      const go = Promise.withResolvers<void>();
      const inside = Promise.withResolvers<void>();
      const first = store.transact(operation, async () => {
        inside.resolve();
        await go.promise;
        return commit;
      });
      await inside.promise;
      const waiting = store.transact({ ...operation, key: "waiting" }, never);
      const refused = waiting.catch((error: unknown) => error);
      await clock.advance(3000);
      proxy.silence();
      go.resolve();
      first.catch(() => undefined);
      await new Promise(setImmediate);
      await clock.advance(2000);
      expect(await refused).toEqual(unavailable);
    });

    test("that know its statements no longer get them again", async () => {
      const store = open(await migrated(), { connectionsMax: 1, transactionsMax: 1 });
      const run = (key: string, work: (connection: PostgresConnection) => Promise<unknown> = async () => undefined) =>
        store.transact({ ...operation, key }, async (connection) => {
          await work(connection);
          return commit;
        });
      expect(await run("one")).toEqual({ kind: "executed", value: "ran" });
      await store.transactUnkeyed(async (connection) => {
        await execute(connection, "DEALLOCATE ALL");
        return commit;
      });
      expect(await run("one")).toEqual({ kind: "done", result });
      expect(await run("two")).toEqual({ kind: "executed", value: "ran" });
      // A handler that takes them away has done nothing.
      await expect(run("three", (connection) => execute(connection, "DEALLOCATE ALL"))).rejects.toThrow();
      expect(await store.inspect({ scope: "acme", key: "three" })).toBeUndefined();
      expect(await run("three")).toEqual({ kind: "executed", value: "ran" });
    });

    test("to a database that was not migrated say so at once", async () => {
      const store = open(await create());
      for (const ask of Object.values(asked)) {
        await expect(ask(store, "k")).rejects.toThrow(/store\.migrate\(\).*once-again migrate/);
      }
    });
  });

  test("have the statements of several tables", async () => {
    const pool = pgPool(await create(), { max: 1 });
    for (const tablePrefix of ["one_", "two_", "one_"]) {
      const store = postgresStore(pool, { tablePrefix });
      await store.migrate();
      const asked = { ...operation, key: crypto.randomUUID() };
      expect(await store.transact(asked, async () => commit)).toEqual({ kind: "executed", value: "ran" });
      expect(await store.inspect(asked)).toMatchObject({ state: "done" });
    }
  });

  test("behind a pooler that knows no prepared statements say so", async () => {
    const pool = pgPool(await migrated(), { max: 1 });
    const store = postgresStore(pool);
    await store.claim(longClaim("k"));
    await pool.query("DEALLOCATE ALL");
    await expect(store.claim(longClaim("k"))).rejects.toThrow("prepare: false");
  });

  test("that are no pool's are refused", () => {
    const invalid = expect.objectContaining({ code: "ONCE_OPTION_INVALID" }) as Error;
    const client = { query: never, connect: never, processID: null };
    for (const given of [client, undefined, "postgres://localhost", {}, Promise.resolve({})]) {
      expect(() => postgresStore(given as never)).toThrow(invalid);
    }
    const pool = new Pool();
    expect(() => postgresStore(pool, { transactionsMax: 0 })).toThrow(invalid);
  });

  test("come from a wrapped pool, too, where `connect` takes no callback", async () => {
    const pool = pgPool(await migrated());
    const wrapped = { query: pool.query.bind(pool), connect: () => pool.connect() };
    const store = postgresStore(wrapped as unknown as Pool);
    expect((await store.claim(longClaim("k"))).kind).toBe("acquired");
    expect((await store.transact({ ...operation, key: "other" }, async () => commit)).kind).toBe("executed");
    expect([pool.totalCount, pool.idleCount]).toEqual([1, 1]);
  });

  test("that intents use may break while they are idle, too", () => {
    const pool = new Pool();
    postgresIntents(pool);
    postgresIntents(pool);
    postgresStore(pool);
    expect(pool.listenerCount("error")).toBe(1);
    // Node throws an error event that has no listener.
    expect(pool.emit("error", new Error("terminating connection"), undefined as never)).toBe(true);
  });

  test("may break while they are idle: the process lives, and goes on when PostgreSQL is back", async () => {
    const url = await migrated();
    const pool = new Pool({ connectionString: url, max: 2 });
    onTestFinished(() => pool.end());
    const store = postgresStore(pool);
    postgresStore(pool, { tablePrefix: "other_" });
    expect(pool.listenerCount("error")).toBe(1);
    await warm(store, 1);
    const removed = new Promise((resolve) => pool.once("remove", resolve));
    await server().stop();
    await removed;
    await server().restart();
    expect(await store.claim(longClaim("k"))).toMatchObject({ kind: "acquired" });
  });
});
