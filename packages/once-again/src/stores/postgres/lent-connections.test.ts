import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { Pool, type PoolClient } from "pg";
import postgres, { type Sql } from "postgres";
import { describe, expect, onTestFinished, test } from "vitest";
import { databases, execute, pgPool } from "../../../../../test/postgres/databases.ts";
import { longClaim } from "../../../../../test/support/long-claim.ts";
import { cutProxy } from "../../../../../test/support/servers/cut-proxy.ts";
import { describeWithServer } from "../../../../../test/support/servers/describe-with-server.ts";
import { postgresBinary } from "../../../../../test/support/servers/postgres.ts";
import { OnceAgainError } from "../../core/errors.ts";
import { pgCancelRequest } from "./connection.ts";
import { postgresStore } from "./index.ts";
import { type ReservedLink, reserveLink } from "./reserve-link.ts";

const result = Uint8Array.of(1, 2, 3);
const operation = { scope: "acme", key: "order-7", fingerprint: "f", retentionMs: 60_000 };
const commit = { keep: "commit", result, value: "ran" } as const;
/** The length of the message that ends an answer. */
const readyForQueryBytes = 6;
const unavailable = expect.objectContaining({ code: "ONCE_STORE_UNAVAILABLE" }) as Error;
const overdue = new OnceAgainError("ONCE_HANDLER_TIMEOUT", "The work was given up, and goes on.");

describeWithServer("a connection that a pool lends", postgresBinary, () => {
  const { server, create } = databases();

  describe("of postgres", () => {
    const opened = async ({ busyMsMax = 5000, port = server().port } = {}) => {
      const url = (await create()).replace(/:\d+\//, `:${port}/`);
      const outside = pgPool(url, { max: 2 });
      await postgresStore(outside).migrate();
      await outside.query("CREATE TABLE effects (name text PRIMARY KEY)");
      let seen = Promise.withResolvers<void>();
      const sql = postgres(url, {
        ...{ max: 1, onnotice: () => undefined, connection: { application_name: "pool" } },
        onclose: () => seen.resolve(),
      });
      onTestFinished(() => sql.end({ timeout: 1 }));
      const store = postgresStore(sql, { busyMsMax });
      const effects = async () => (await outside.query<{ name: string }>("SELECT name FROM effects")).rows;
      /** Ends the session of the pool. Resolves when its client has seen that. */
      const endSession = async (): Promise<void> => {
        seen = Promise.withResolvers();
        await outside.query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'pool'");
        await seen.promise;
      };
      return { sql, store, outside, effects, endSession };
    };

    test("has a statement of the user's left alone that a transaction is sent behind", async () => {
      const { sql, store } = await opened({ busyMsMax: 60 });
      // While the connection is made, statements wait for it, and are then sent together.
      const users = Promise.all([sql`SELECT 1`, sql`SELECT pg_sleep(0.7)`]);
      await new Promise(setImmediate);
      const ours = store.transact(operation, async () => commit);
      ours.catch(() => undefined);
      await new Promise(setImmediate);
      // A new connection takes half of all that wait.
      const others = Promise.all([sql`SELECT 1`, sql`SELECT 1`]);
      await expect(ours).rejects.toThrow(unavailable);
      await Promise.all([users, others]);
    });

    /** Ends the session of a handler that goes on when the user has begun a transaction on the same connection. */
    const lend = async (work: (transaction: Sql) => Promise<unknown>) => {
      const all = await opened();
      const isLost = Promise.withResolvers<void>();
      const users = Promise.withResolvers<void>();
      const asked = all.store.transactUnkeyed(async (transaction) => {
        await execute(transaction, "INSERT INTO effects VALUES ('ours')");
        await all.endSession();
        isLost.resolve();
        await users.promise;
        await work(transaction);
        return commit;
      });
      asked.catch(() => undefined);
      await isLost.promise;
      await all.sql.begin(async (transaction) => {
        await transaction`INSERT INTO effects VALUES ('of the user')`;
        users.resolve();
        await asked.catch(() => undefined);
        await transaction`SELECT 1`;
      });
      return { ...all, asked };
    };

    test("is not rolled back by a transaction that has lost it, when it is another's", async () => {
      const { asked, effects } = await lend(() => Promise.reject(overdue));
      await expect(asked).rejects.toBe(overdue);
      expect(await effects()).toEqual([{ name: "of the user" }]);
    });

    test("takes no statement of a handler that has lost it, when it is another's", async () => {
      const { asked, effects } = await lend((transaction) => transaction`INSERT INTO effects VALUES ('late')`);
      await expect(asked).rejects.toThrow("CONNECTION_CLOSED");
      expect(await effects()).toEqual([{ name: "of the user" }]);
    });

    test("is not rolled back by a transaction that a failed COMMIT ended", async () => {
      const { sql, store, outside, effects } = await opened();
      await outside.query("CREATE TABLE unique_later (n int UNIQUE DEFERRABLE INITIALLY DEFERRED)");
      let users: Promise<unknown> | undefined;
      const asked = store.transactUnkeyed(async (transaction) => {
        await execute(transaction, "INSERT INTO unique_later VALUES (1), (1)");
        // It waits for the only connection.
        users ??= sql.begin(async (transaction) => {
          await transaction`INSERT INTO effects VALUES ('of the user')`;
          await transaction`SELECT pg_sleep(0.1)`;
        });
        await new Promise(setImmediate);
        return commit;
      });
      await expect(asked).rejects.toThrow("unique_later");
      await users;
      expect(await effects()).toEqual([{ name: "of the user" }]);
    });

    test("that is lost makes no statement throw where it can't be caught", async () => {
      const { store, endSession } = await opened();
      const asked = store.transactUnkeyed(async (transaction) => {
        await endSession();
        await execute(transaction, "INSERT INTO effects VALUES ('late')");
        return commit;
      });
      await expect(asked).rejects.toThrow("CONNECTION_CLOSED");
      expect(await store.transact(operation, async () => commit)).toEqual({ kind: "executed", value: "ran" });
    });

    test("in the place of one that was lost within an error does not fail with that error", async () => {
      await using proxy = await cutProxy(server().port);
      const { sql, store } = await opened({ port: proxy.port });
      await sql`SELECT 1`;
      proxy.cutWithinAnswer("nowhere", readyForQueryBytes);
      await expect(sql`SELECT nothing FROM nowhere`.simple()).rejects.toThrow("CONNECTION_CLOSED");
      expect(await store.claim(longClaim("next"))).toMatchObject({ kind: "acquired" });
    });

    test("that is lost before its ROLLBACK was sent leaves its place to another", async () => {
      await using proxy = await cutProxy(server().port);
      const { store } = await opened({ port: proxy.port });
      const asked = store.transactUnkeyed(async (transaction) => {
        proxy.silence();
        // A statement that is not prepared yet is sent alone: what comes after it waits.
        (transaction as unknown as Sql)`SELECT ${1}::integer`.catch(() => undefined);
        await new Promise(setImmediate);
        throw overdue;
      });
      await expect(asked).rejects.toBe(overdue);
      proxy.cut();
      proxy.heal();
      expect(await store.transact(operation, async () => commit)).toEqual({ kind: "executed", value: "ran" });
    });
  });

  describe("of postgres that is made anew", () => {
    test("is not forgotten with the outage that those before it waited in", async () => {
      await using proxy = await cutProxy(server().port);
      const url = (await create()).replace(/:\d+\//, `:${proxy.port}/`);
      // Where `postgres` asks for types when the connection ends, it leaves a rejection unhandled.
      const sql = postgres(url, { max: 2, onnotice: () => undefined, backoff: () => 0.01, fetch_types: false });
      onTestFinished(() => sql.end({ timeout: 1 }));
      const [store, patient] = [postgresStore(sql, { busyMsMax: 300 }), postgresStore(sql)];
      await patient.migrate();
      let key = 0;
      const asked: Promise<unknown>[] = [];
      const ask = async (times: number): Promise<void> => {
        for (let time = 0; time < times; time += 1) {
          key += 1;
          const transaction = { ...operation, key: `transaction ${key}` };
          asked.push(
            Promise.allSettled([
              store.claim(longClaim(`claim ${key}`)),
              store.transact(transaction, async () => commit),
            ]),
          );
          await new Promise((resolve) => setTimeout(resolve, 3));
        }
      };
      for (let outage = 0; outage < 10; outage += 1) {
        proxy.cut();
        await ask(10);
        proxy.heal();
        await ask(10);
      }
      await Promise.all(asked);
      // Not by `reserve()` of the driver, which forgets its caller where it has to connect.
      for (const link of await Promise.all([reserveLink(sql), reserveLink(sql)])) link.giveBack();
      expect(await patient.claim(longClaim("after"))).toMatchObject({ kind: "acquired" });
    });

    /** A pool with its sockets. The loop turns from `setImmediate` to the ends of sockets that are destroyed, and then to its timers. */
    const onSockets = async (max: number) => {
      const sockets: Socket[] = [];
      const opening = {
        ...{ max, fetch_types: false, backoff: () => 0, onnotice: () => undefined },
        socket: async () => {
          const socket = connect(server().port, "127.0.0.1");
          await once(socket, "connect");
          sockets.push(socket);
          return socket;
        },
      };
      const sql = postgres(await create(), opening);
      onTestFinished(() => sql.end({ timeout: 1 }));
      return { sql, sockets };
    };

    test("is opened where the one before was lost in the turn in which it was given back", async () => {
      const { sql, sockets } = await onSockets(1);
      const link = await reserveLink(sql);
      await link.first;
      sockets[0]!.destroy();
      setImmediate(link.giveBack);
      expect(await sql`SELECT 7 AS seven`).toEqual([{ seven: 7 }]);
    });

    test("is opened where the one before was lost in one turn with another, on which it was asked for", async () => {
      const { sql, sockets } = await onSockets(2);
      const links = await Promise.all([reserveLink(sql), reserveLink(sql)]);
      links[0].hold();
      const [{ port }] = (await links[0].unsafe("SELECT inet_client_port() AS port")) as [{ port: number }];
      await Promise.all(links.map(({ first }) => first));
      const held = sockets.findIndex(({ localPort }) => localPort === port);
      const retried = links[0].unsafe("SELECT pg_sleep(10)").catch(() => reserveLink(sql));
      links[1].giveBack();
      await sql`SELECT 1`;
      // Ends that come in one turn are seen in the order of a stack.
      sockets[1 - held]!.destroy();
      sockets[held]!.destroy();
      const next = (await retried) as ReservedLink;
      await next.first.catch(() => undefined);
      next.giveBack();
      expect(await Promise.all([sql`SELECT 7 AS seven`, sql`SELECT 7 AS seven`])).toEqual([
        [{ seven: 7 }],
        [{ seven: 7 }],
      ]);
    });

    test("is lent without the types of the database, too", async () => {
      const url = await create();
      await postgresStore(pgPool(url, { max: 1 })).migrate();
      const sql = postgres(url, { max: 1, onnotice: () => undefined, fetch_types: false });
      onTestFinished(() => sql.end({ timeout: 1 }));
      const store = postgresStore(sql);
      expect(await store.transact(operation, async () => commit)).toEqual({ kind: "executed", value: "ran" });
    });
  });

  test("of pg has no more listeners after a transaction that was given up", async () => {
    const url = await create();
    const pool = pgPool(url, { max: 1 });
    const store = postgresStore(pool);
    await store.migrate();
    const listeners = async (): Promise<(string | number)[]> => {
      const client = await pool.connect();
      client.release();
      return [...client.eventNames().map(String), client.listenerCount("end")];
    };
    const before = await listeners();
    for (let time = 0; time < 3; time += 1) {
      const asked = store.transactUnkeyed(async (transaction) => {
        execute(transaction, "SELECT pg_sleep(0.05)").catch(() => undefined);
        await new Promise(setImmediate);
        throw overdue;
      });
      await expect(asked).rejects.toBe(overdue);
    }
    expect(await listeners()).toEqual(before);
  });
});

test("a cancel request that the server does not confirm is not taken for one that is over", async () => {
  const silent = createServer((socket) => void socket.on("error", () => undefined).resume());
  onTestFinished(() => void silent.close());
  await once(silent.listen(0, "127.0.0.1"), "listening");
  const pool = new Pool({ host: "127.0.0.1", port: (silent.address() as AddressInfo).port });
  const client = { processID: 1, secretKey: 2 } as unknown as PoolClient;
  await expect(pgCancelRequest(pool, client)?.()).rejects.toThrow("did not confirm");
});
