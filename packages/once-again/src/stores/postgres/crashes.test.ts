import { setTimeout } from "node:timers/promises";
import { expect, test } from "vitest";
import { loseBeforeCommit } from "../../../../../test/support/lost-connections.ts";
import { longClaim } from "../../../../../test/support/long-claim.ts";
import { databases, execute, pgPool, postgresClients } from "../../../../../test/postgres/databases.ts";
import { cutProxy } from "../../../../../test/support/servers/cut-proxy.ts";
import { describeWithServer } from "../../../../../test/support/servers/describe-with-server.ts";
import { postgresBinary, startPostgres } from "../../../../../test/support/servers/postgres.ts";

const result = Uint8Array.of(1, 2, 3);
const operation = { scope: "acme", key: "order-7", fingerprint: "f", retentionMs: 60_000 };
const commit = { keep: "commit", result, value: "ran" } as const;
const never = (): never => expect.fail("ran again");

describeWithServer("a PostgreSQL store that loses its server or connection", postgresBinary, () => {
  const { server, create } = databases();

  test("a transaction that loses its connection before the commit runs again; a step is asked for again", async () => {
    const url = await create();
    const outside = pgPool(url, { max: 1 });
    await outside.query("CREATE TABLE effects (name text)");
    await using proxy = await cutProxy(server().port);
    // Not through `postgres`, which throws where it can't be caught: see postgresStore.
    const store = postgresClients["pg"]!(url.replace(/:\d+\//, `:${proxy.port}/`));
    await store.migrate();
    await loseBeforeCommit(store, proxy, (connection, name) =>
      execute(connection, `INSERT INTO effects VALUES ('${name}')`),
    );
    expect((await outside.query("SELECT name FROM effects")).rows).toEqual([{ name: "run 2" }, { name: "run 4" }]);
  });

  test("a server that is killed under load and comes back loses nothing it acknowledged, and grants nothing twice", async () => {
    await using own = await startPostgres();
    const store = postgresClients["pg"]!(own.url);
    await store.migrate();
    const outside = pgPool(own.url, { max: 1 });
    await outside.query("CREATE TABLE effects (name text)");
    const granted: string[] = [];
    const executed: string[] = [];
    const until = Date.now() + 2500;
    const load = async (worker: number): Promise<void> => {
      for (let round = 0; Date.now() < until; round += 1) {
        const key = `${worker} ${round}`;
        const claim = longClaim(key);
        await store.claim(claim).then(
          ({ kind }) => kind === "acquired" && granted.push(key),
          () => setTimeout(5),
        );
        const transact = store.transact({ ...operation, key: `tx ${key}` }, async (connection) => {
          await execute(connection, `INSERT INTO effects VALUES ('${key}')`);
          return commit;
        });
        await transact.then(
          () => executed.push(key),
          () => setTimeout(5),
        );
      }
    };
    const workers = Array.from({ length: 8 }, (_, worker) => load(worker));
    await setTimeout(700);
    await own.kill();
    await own.restart();
    await Promise.all(workers);
    expect(granted.length).toBeGreaterThan(20);
    for (const key of granted) expect((await store.claim(longClaim(key))).kind).toBe("in-progress");
    for (const key of executed) {
      expect((await store.transact({ ...operation, key: `tx ${key}` }, never)).kind).toBe("done");
    }
    const { rows } = await outside.query<{ name: string }>("SELECT name FROM effects");
    const names = rows.map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
    expect(executed.filter((key) => !names.includes(key))).toEqual([]);
  });
});
