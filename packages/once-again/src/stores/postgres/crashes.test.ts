import { expect, test } from "vitest";
import { loseBeforeCommit } from "../../../../../test/support/lost-connections.ts";
import { killUnderLoad } from "../../../../../test/support/kill-under-load.ts";
import { databases, execute, pgPool, postgresClients } from "../../../../../test/postgres/databases.ts";
import { cutProxy } from "../../../../../test/support/servers/cut-proxy.ts";
import { describeWithServer } from "../../../../../test/support/servers/describe-with-server.ts";
import { postgresBinary, startPostgres } from "../../../../../test/support/servers/postgres.ts";

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
    await killUnderLoad(own, {
      store,
      insert: (connection, name) => execute(connection, `INSERT INTO effects VALUES ('${name}')`),
      names: async () =>
        (await outside.query<{ name: string }>("SELECT name FROM effects")).rows.map(({ name }) => name),
    });
  });
});
