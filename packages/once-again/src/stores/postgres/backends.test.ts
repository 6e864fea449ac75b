import type { Socket } from "node:net";
import { Client, Pool } from "pg";
import postgres from "postgres";
import { describe, expect, onTestFinished, test } from "vitest";
import { longClaim } from "../../../../../test/support/long-claim.ts";
import { databases, execute, pgPool, postgresClients } from "../../../../../test/postgres/databases.ts";
import { cutProxy } from "../../../../../test/support/servers/cut-proxy.ts";
import { describeWithServer } from "../../../../../test/support/servers/describe-with-server.ts";
import { pgbouncerBinary, startPgbouncer } from "../../../../../test/support/servers/pgbouncer.ts";
import { postgresBinary } from "../../../../../test/support/servers/postgres.ts";
import { OnceAgainError } from "../../core/errors.ts";
import { type PostgresStore, postgresStore } from "./index.ts";
import type { PostgresConnection } from "./client.ts";

const result = Uint8Array.of(1, 2, 3);
const commit = { keep: "commit", result, value: "ran" } as const;
const connectionsMax = 4;
const busyMsMax = 300;

type Ask = (store: PostgresStore<PostgresConnection>, key: string) => Promise<unknown>;

const transact: Ask = (store, key) =>
  store.transact({ scope: "acme", key, fingerprint: "f", retentionMs: 60_000 }, async () => commit);

const operations: Record<string, Ask> = {
  claims: (store, key) => store.claim(longClaim(key)),
  transactions: transact,
};

/** Looks again and again, until something holds. @param outside shows what the server's sessions do, should it never hold. */
const eventually = async (outside: Client, holds: () => Promise<boolean>): Promise<void> => {
  try {
    await expect.poll(holds).toBe(true);
  } catch (cause) {
    const { rows } = await outside.query(
      "SELECT state, wait_event, query FROM pg_stat_activity WHERE state IS NOT NULL",
    );
    throw new Error(`It never held, with these sessions: ${JSON.stringify(rows)}`, { cause });
  }
};

const isGranted = (asked: Promise<unknown>): Promise<boolean> =>
  asked.then(
    () => true,
    () => false,
  );

describeWithServer("the connections that a store has in PostgreSQL", postgresBinary, () => {
  const { server, create } = databases();

  /** A database with tables, and a look at the sessions that it has beside our own. */
  const opened = async (createIt = create) => {
    const url = await createIt();
    const migrating = new Pool({ connectionString: url });
    await postgresStore(migrating).migrate();
    await migrating.end();
    const outside = new Client({ connectionString: url, application_name: "outside" });
    await outside.connect();
    onTestFinished(() => outside.end());
    const count = async (condition: string): Promise<number> => {
      const { rows } = await outside.query<{ count: number }>(
        `SELECT count(*)::int AS count FROM pg_stat_activity WHERE datname = current_database()
          AND application_name <> 'outside' AND ${condition}`,
      );
      return rows[0]!.count;
    };
    return { url, outside, count };
  };

  /** Asks for more than the pool can take, again and again, until `rounds` rounds have failed. */
  const askInVain = async (
    ask: (key: string) => Promise<unknown>,
    look: () => Promise<unknown>,
    rounds: number,
  ): Promise<void> => {
    for (let round = 0; round < rounds; round += 1) {
      const asked = Array.from({ length: 12 }, (_, index) => ask(`round ${round} key ${index}`));
      const ended = Promise.allSettled(asked);
      const state = { hasEnded: false };
      void ended.then(() => (state.hasEnded = true));
      while (!state.hasEnded) await look();
      expect((await ended).every(({ status }) => status === "rejected")).toBe(true);
    }
  };

  const cases = Object.entries(operations).flatMap(([what, ask]) =>
    Object.entries(postgresClients).map(([client, open]) => [what, client, ask, open] as const),
  );

  test.for(cases)(
    "are no more than its pool may have while a table is locked, and none waits there that is not waited for: %s, %s",
    async ([, , ask, open]) => {
      const { url, outside, count } = await opened();
      const store = open(url, { connectionsMax, busyMsMax });
      await outside.query("BEGIN; LOCK TABLE once_again_keys");
      let most = 0;
      await askInVain(
        (key) => ask(store, key),
        async () => (most = Math.max(most, await count("true"))),
        5,
      );
      expect(most).toBeLessThanOrEqual(connectionsMax);
      await eventually(outside, async () => (await count("wait_event_type = 'Lock'")) === 0);
      await outside.query("ROLLBACK");
      await eventually(outside, () => isGranted(ask(store, "after")));
      expect(await count("true")).toBeLessThanOrEqual(connectionsMax);
    },
  );

  test.for(Object.entries(postgresClients))(
    "end what a handler asked for, when its work was given up: %s",
    async ([, open]) => {
      const { url, outside, count } = await opened();
      const store = open(url, { connectionsMax: 1, busyMsMax });
      const overdue = new OnceAgainError("ONCE_HANDLER_TIMEOUT", "The work was given up, and goes on.");
      const givenUp = store.transact(
        { scope: "acme", key: "slow", fingerprint: "f", retentionMs: 60_000 },
        async (given) => {
          execute(given, "SELECT pg_sleep(600)").catch(() => undefined);
          await eventually(outside, async () => (await count("wait_event = 'PgSleep'")) === 1);
          throw overdue;
        },
      );
      await expect(givenUp).rejects.toBe(overdue);
      await eventually(outside, async () => (await count("wait_event = 'PgSleep'")) === 0);
      await eventually(outside, () => isGranted(store.claim(longClaim("after"))));
    },
  );

  test.for(Object.entries(postgresClients))(
    "have no transaction left of one that was given up while it began: %s",
    async ([, open]) => {
      const { url, outside } = await opened();
      await using proxy = await cutProxy(server().port);
      const store = open(url.replace(/:\d+\//, `:${proxy.port}/`), { connectionsMax: 1, busyMsMax });
      const statements = proxy.listen(/(?<!\$)(BEGIN|COMMIT|ROLLBACK)\b/g);
      const held: Socket[] = [];
      proxy.onNextQuestion("BEGIN ISOLATION", (answers) => void held.push(answers.pause()));
      // A machine that is slow to connect gives up before it begins.
      for (let times = 1; held.length === 0; times += 1) {
        await expect(transact(store, `given up ${times}`)).rejects.toThrow();
      }
      // It says that the connection has none of our statements yet.
      held[0]!.resume();
      await eventually(outside, () => isGranted(transact(store, "after")));
      expect(statements().join(" ")).not.toContain("BEGIN BEGIN");
    },
  );

  test.for(Object.entries(postgresClients))(
    "are of use after one of their statements could not be prepared: %s",
    async ([, open]) => {
      const { url, outside, count } = await opened();
      const store = open(url, { connectionsMax: 1, busyMsMax });
      // A look may be prepared by now, and not the statement that stores.
      await outside.query("BEGIN; LOCK TABLE once_again_keys IN SHARE MODE");
      // On a slow machine the server says so first.
      await expect(transact(store, "locked")).rejects.toThrow(/did not answer|lock timeout/);
      await eventually(outside, async () => (await count("wait_event_type = 'Lock'")) === 0);
      await outside.query("ROLLBACK");
      await eventually(outside, () => isGranted(transact(store, "after")));
    },
  );

  describe("with a synchronous standby that is away", () => {
    const { create: createThere } = databases();

    test.for(cases)(
      "are no more than its pool may have, and commits that no standby has are shown to none: %s, %s",
      async ([, , ask, open]) => {
        const { url, outside, count } = await opened(createThere);
        const setStandbys = async (names: string): Promise<void> => {
          await outside.query(`ALTER SYSTEM SET synchronous_standby_names = '${names}'`);
          await outside.query("SELECT pg_reload_conf()");
          await eventually(
            outside,
            async () =>
              (await outside.query("SHOW synchronous_standby_names")).rows[0].synchronous_standby_names === names,
          );
        };
        await outside.query("SET synchronous_commit = local");
        await setStandbys("away");
        onTestFinished(() => setStandbys(""));
        const store = open(url, { connectionsMax, busyMsMax });
        let [backends, shown] = [0, 0];
        await askInVain(
          (key) => ask(store, key),
          async () => {
            backends = Math.max(backends, await count("true"));
            const { rows } = await outside.query<{ count: number }>("SELECT count(*)::int FROM once_again_keys");
            shown = Math.max(shown, rows[0]!.count);
          },
          5,
        );
        expect(backends).toBeLessThanOrEqual(connectionsMax);
        expect(shown).toBe(0);
        await setStandbys("");
        await eventually(outside, () => isGranted(ask(store, "after")));
      },
    );
  });

  describeWithServer("behind PgBouncer", pgbouncerBinary, () => {
    test.for(cases)("are no more than PgBouncer may have while a table is locked: %s, %s", async ([, , ask, open]) => {
      const { url, outside, count } = await opened();
      await using bouncer = await startPgbouncer(server().port, connectionsMax);
      const store = open(url.replace(/:\d+\//, `:${bouncer.port}/`), { connectionsMax: 6, busyMsMax });
      await outside.query("BEGIN; LOCK TABLE once_again_keys");
      let most = 0;
      await askInVain(
        (key) => ask(store, key),
        async () => (most = Math.max(most, await count("true"))),
        5,
      );
      expect(most).toBeLessThanOrEqual(connectionsMax);
      await eventually(outside, async () => (await count("wait_event_type = 'Lock'")) === 0);
      await outside.query("ROLLBACK");
      await eventually(outside, () => isGranted(ask(store, "after")));
    });
  });

  test("lose no statement of another's to a cancel request that comes late", async () => {
    const { url, outside } = await opened();
    for (const open of Object.values(postgresClients)) {
      const store = open(url, { connectionsMax: 1, busyMsMax: 60 });
      const patient = open(url, { connectionsMax: 1 });
      for (let round = 0; round < 5; round += 1) {
        await outside.query("BEGIN; LOCK TABLE once_again_keys");
        await expect(store.claim(longClaim(`locked ${round}`))).rejects.toThrow();
        await outside.query("ROLLBACK");
        for (let next = 0; next < 20; next += 1) {
          // It may find no free connection yet; but it is never cancelled.
          await store.claim(longClaim(`next ${round} ${next}`)).catch((error: unknown) => {
            expect(error).toMatchObject({ code: "ONCE_STORE_UNAVAILABLE" });
          });
        }
      }
      await patient.claim(longClaim("patient"));
    }
  });

  test("are found by what `postgres` and `pg` have inside", async () => {
    const url = await create();
    const sql = postgres(url, { max: 1, onnotice: () => undefined });
    onTestFinished(() => sql.end({ timeout: 1 }));
    const reserved = await sql.reserve();
    const query = reserved.unsafe("SELECT 1");
    await query;
    expect(query).toMatchObject({
      state: { pid: expect.any(Number), secret: expect.any(Number) },
      canceller: expect.any(Function),
    });
    reserved.release();
    const pool = pgPool(url, { max: 1 });
    const client = await pool.connect();
    expect(pool).toMatchObject({ Client: expect.any(Function), totalCount: 1, idleCount: 0 });
    expect(client).toMatchObject({
      processID: expect.any(Number),
      secretKey: expect.anything(),
      connection: { requestSsl: expect.any(Function), cancel: expect.any(Function), connect: expect.any(Function) },
    });
    client.release();
  });
});
