import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import {
  databases,
  execute,
  type OpenOptions,
  pgPool,
  postgresClients,
} from "../../../../../test/postgres/databases.ts";
import { cutProxy } from "../../../../../test/support/servers/cut-proxy.ts";
import { describeWithServer } from "../../../../../test/support/servers/describe-with-server.ts";
import { postgresBinary } from "../../../../../test/support/servers/postgres.ts";
import { loseEachAnswer } from "../../../../../test/support/lost-connections.ts";
import { longClaim } from "../../../../../test/support/long-claim.ts";
import { fakeClock } from "../../../../testing/src/fake-clock.ts";

const result = Uint8Array.of(1, 2, 3);
const operation = { scope: "acme", key: "order-7", fingerprint: "f", retentionMs: 60_000 };
const commit = { keep: "commit", result, value: "ran" } as const;
const never = (): never => expect.fail("ran again");
const unavailable = expect.objectContaining({ code: "ONCE_STORE_UNAVAILABLE" }) as Error;

describeWithServer("a PostgreSQL store at its limits", postgresBinary, () => {
  const { server, create } = databases();

  describe.for(Object.entries(postgresClients))("through %s", ([, open]) => {
    const opened = async (options: OpenOptions = {}) => {
      const url = await create();
      const store = open(url, options);
      await store.migrate();
      const outside = pgPool(url, { max: 2 });
      await outside.query("CREATE TABLE effects (name text PRIMARY KEY, count integer)");
      const effects = async () =>
        (await outside.query<{ name: string }>("SELECT name FROM effects")).rows.map(({ name }) => name);
      return { url, store, outside, effects };
    };
    const at = (url: string, port: number): string => url.replace(/:\d+\//, `:${port}/`);

    test("a claim, a completion and a replay cost a trip each, a whole transaction two", async () => {
      const { url } = await opened();
      await using proxy = await cutProxy(server().port);
      const store = open(at(url, proxy.port), { connectionsMax: 1 });
      const spent = async (work: () => Promise<unknown>): Promise<number> => {
        const before = proxy.trips();
        await work();
        return proxy.trips() - before;
      };
      const lifetime = async (key: string): Promise<number[]> => {
        const claim = longClaim(key);
        return [
          await spent(() => store.claim(claim)),
          await spent(() => store.complete({ ...claim, result })),
          await spent(() => store.claim(longClaim(key))),
          await spent(() => store.transact({ ...operation, key: `${key} at once` }, async () => commit)),
          // Its rollback is a trip too, which is not awaited.
          await spent(() => store.transact({ ...operation, key: `${key} at once` }, never)),
        ];
      };
      // The first time, the connection is made and the statements are prepared.
      await lifetime("warm");
      await store.inspect(operation);
      expect(await lifetime("k")).toEqual([1, 1, 1, 2, expect.toBeOneOf([1, 2])]);
    });

    test("a replay writes nothing, unless it shall touch a synchronous standby", async () => {
      const { url, store, outside } = await opened();
      const claim = longClaim("k");
      await store.claim(claim);
      await store.complete({ ...claim, result });
      await store.transact(operation, async () => commit);
      await store.claim(longClaim("held", { leaseMs: 0 }));
      const written = async (): Promise<string | undefined> => {
        const answer = await outside.query<{ next: string }>(
          "SELECT pg_snapshot_xmax(pg_current_snapshot())::text AS next",
        );
        return answer.rows[0]?.next;
      };
      const before = await written();
      expect((await store.claim(longClaim("k"))).kind).toBe("done");
      expect((await store.claim(longClaim("k", { fingerprint: "g" }))).kind).toBe("mismatch");
      expect((await store.claim(longClaim("held"))).kind).toBe("abandoned");
      expect((await store.transact(operation, never)).kind).toBe("done");
      expect(await store.complete({ ...longClaim("k"), result })).toBe(false);
      expect(await written()).toBe(before);

      const touching = open(url, { replayTouch: true });
      expect((await touching.claim(longClaim("k"))).kind).toBe("done");
      expect((await touching.transact(operation, never)).kind).toBe("done");
      expect(Number(await written()) - Number(before)).toBe(2);
    });

    test("the server's clock decides: a caller with its clock an hour off changes nothing", async () => {
      const { store } = await opened();
      onTestFinished(() => void vi.useRealTimers());
      const claimedAt = Date.now();
      vi.useFakeTimers({ toFake: ["Date"], now: claimedAt + 3_600_000 });
      await store.claim(longClaim("k"));
      await store.transact(operation, async () => commit);
      vi.setSystemTime(claimedAt - 3_600_000);
      expect((await store.claim(longClaim("k", { takeOverAfterMs: 0 }))).kind).toBe("in-progress");
      vi.useRealTimers();
      for (const record of await store.list({})) {
        expect(Math.abs(record.record.createdAt - claimedAt)).toBeLessThan(60_000);
      }
    });

    test("what was not acknowledged is found out by asking again", async () => {
      const { url, effects } = await opened();
      await using proxy = await cutProxy(server().port);
      const store = open(at(url, proxy.port), { connectionsMax: 1 });
      await loseEachAnswer(store, proxy, (connection, name) =>
        execute(connection, `INSERT INTO effects VALUES ('${name}')`),
      );
      expect(await effects()).toEqual(["run 1"]);
    });

    test.for(["thrown", "reported"] as const)(
      "a conflict with another transaction, %s, runs the handler again",
      async (how) => {
        const { url, outside } = await opened();
        await outside.query("INSERT INTO effects VALUES ('counter', 0)");
        const store = open(url, { isolation: "serializable" });
        let runs = 0;
        const count = async (connection: Parameters<typeof execute>[0]) => {
          runs += 1;
          await execute(connection, "SELECT count FROM effects");
          if (runs === 1) await outside.query("UPDATE effects SET count = count + 1");
          await execute(connection, "UPDATE effects SET count = count + 1");
          return commit;
        };
        const answer = await store.transact(operation, (connection) =>
          count(connection).catch((cause: unknown) => {
            if (how === "thrown") throw cause;
            return { ...commit, keep: "rollback", cause } as const;
          }),
        );
        expect(answer.kind).toBe("executed");
        expect(runs).toBe(2);
        expect((await outside.query("SELECT count FROM effects")).rows).toEqual([{ count: 2 }]);
      },
    );

    test.for(["read committed", "serializable"] as const)("of 20 duplicates under %s, one runs", async (isolation) => {
      const { url, effects } = await opened();
      const store = open(url, { isolation });
      const answers = await Promise.allSettled(
        Array.from({ length: 20 }, (_, index) =>
          store.transact(operation, async (connection) => {
            await execute(connection, `INSERT INTO effects VALUES ('${index}')`);
            return commit;
          }),
        ),
      );
      expect(answers.filter(({ status }) => status === "rejected")).toEqual([]);
      expect(await effects()).toHaveLength(1);
    });

    test("a pool without a free connection is unavailable, in time, and gets back what it lent", async () => {
      const { url } = await opened();
      const clock = fakeClock();
      const store = open(url, { connectionsMax: 1, busyMsMax: 200, clock });
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

    test("a handler that fails at a connection to elsewhere gives its own back", async () => {
      const { url } = await opened();
      const store = open(url, { connectionsMax: 1, busyMsMax: 2000 });
      const refused = Object.assign(new Error("connect ECONNREFUSED"), { code: "ECONNREFUSED" });
      for (let time = 0; time < 3; time += 1) {
        await expect(store.transact(operation, () => Promise.reject(refused))).rejects.toBe(refused);
      }
      expect((await store.transact(operation, async () => commit)).kind).toBe("executed");
    });

    test("a name that is too long for an index is refused", async () => {
      const { store } = await opened();
      const name = { ...operation, key: "k".repeat(1025), owner: "me" };
      const invalid = expect.objectContaining({ code: "ONCE_KEY_INVALID" }) as Error;
      await expect(store.release(name)).rejects.toThrow(invalid);
      await expect(store.transact(name, never)).rejects.toThrow(invalid);
    });

    test("a lock that the handler does not get in time ends its transaction", async () => {
      const { url, outside } = await opened();
      const store = open(url, { busyMsMax: 2000 });
      const holder = await outside.connect();
      await holder.query("BEGIN; LOCK TABLE effects");
      const run = store.transact(operation, async (connection) => {
        await execute(connection, "INSERT INTO effects VALUES ('one')");
        return commit;
      });
      await expect(run).rejects.toThrow("lock timeout");
      await holder.query("ROLLBACK");
      holder.release();
      expect((await store.transact(operation, async () => commit)).kind).toBe("executed");
    });

    test("any number of processes migrate at a time, with a prefix of their own", async () => {
      const url = await create();
      const options = { tablePrefix: "shop_" };
      expect((await open(url, options).health()).problems).toEqual([expect.stringContaining("run migrate()")]);
      await Promise.all(Array.from({ length: 8 }, () => open(url, options).migrate()));
      const store = open(url, options);
      await store.migrate();
      expect(await store.health()).toEqual({ isHealthy: true, problems: [] });
      expect((await store.claim(longClaim("k"))).kind).toBe("acquired");
      const { rows } = await pgPool(url).query(
        "SELECT relname FROM pg_class WHERE relname LIKE '%keys' AND relkind = 'r'",
      );
      expect(rows).toEqual([{ relname: "shop_keys" }]);
      expect(store.schemaSql).toContain("CREATE TABLE IF NOT EXISTS shop_keys");
    });

    test.for(["once_again_keys", "once_again_marks", "once_again_schema"])(
      "without %s it is not healthy, and migrate() makes it anew",
      async (table) => {
        const { store, outside } = await opened();
        await store.claim(longClaim("k"));
        await outside.query(`DROP TABLE ${table}`);
        expect((await store.health()).problems).toEqual([expect.stringContaining("run migrate()")]);
        await store.migrate();
        expect(await store.health()).toEqual({ isHealthy: true, problems: [] });
        expect((await store.claim(longClaim("k"))).kind).toBe(table === "once_again_keys" ? "acquired" : "in-progress");
      },
    );

    test("a role that may do no more than operations take is healthy, and may migrate where nothing is to be done", async () => {
      const { outside, url } = await opened();
      const role = `role_${randomUUID().replaceAll("-", "")}`;
      await outside.query(`CREATE ROLE ${role} LOGIN`);
      await outside.query(`GRANT SELECT, INSERT, UPDATE, DELETE ON once_again_keys TO ${role}`);
      await outside.query(`GRANT CREATE ON SCHEMA public TO ${role}`);
      await outside.query(`GRANT SELECT, INSERT ON once_again_schema TO ${role}`);
      const least = new URL(url);
      least.username = role;
      const store = open(least.href);
      expect(await store.health()).toEqual({ isHealthy: true, problems: [] });
      await store.migrate();
      expect((await store.claim(longClaim("k"))).kind).toBe("acquired");
    });

    test("a server that only reads, or forgets, is not healthy", async () => {
      const { store, outside, url } = await opened();
      expect(await store.health()).toEqual({ isHealthy: true, problems: [] });
      const set = (setting: string) => outside.query(`ALTER DATABASE ${new URL(url).pathname.slice(1)} SET ${setting}`);
      await set("synchronous_commit = off");
      expect((await open(url).health()).problems).toEqual([expect.stringContaining("synchronous_commit is off")]);
      await set("synchronous_commit = on");
      await set("default_transaction_read_only = on");
      expect((await open(url).health()).problems).toEqual([expect.stringContaining("only reads")]);
    });
  });

  test("a connection that ends in the packet of its beginning ends no process", async () => {
    const message = (type: string, ...parts: readonly (string | Buffer)[]): Buffer => {
      const body = Buffer.concat(parts.map((part) => Buffer.from(part)));
      const head = Buffer.from(`${type}\0\0\0\0`);
      head.writeInt32BE(body.length + 4, 1);
      return Buffer.concat([head, body]);
    };
    const packet = Buffer.concat([
      message("R", Buffer.alloc(4)),
      message("Z", "I"),
      message("E", "SFATAL\0", "VFATAL\0", "C57P01\0", "Mthe database is shutting down\0\0"),
    ]);
    const dying = createServer((socket) => {
      socket.on("error", () => undefined);
      socket.once("data", () => socket.end(packet));
    });
    onTestFinished(() => void dying.close());
    await once(dying.listen(0, "127.0.0.1"), "listening");
    const { port } = dying.address() as AddressInfo;
    const store = postgresClients["pg"]!(`postgres://me@127.0.0.1:${port}/test`);
    await expect(store.transact(operation, never)).rejects.toThrow("not queryable");
  });

  test("options that make no sense are refused", () => {
    const open = postgresClients["pg"]!;
    const invalid = expect.objectContaining({ code: "ONCE_OPTION_INVALID" }) as Error;
    for (const options of [{ tablePrefix: 'x"; DROP' }, { tablePrefix: "" }, { busyMsMax: 0 }, { isolation: "none" }]) {
      expect(() => open(server().url, options as OpenOptions)).toThrow(invalid);
    }
  });
});
