import { describe, test } from "vitest";
import { databases, execute, onClock, pgPool, postgresClients } from "../../../../../test/postgres/databases.ts";
import { describeWithServer } from "../../../../../test/support/servers/describe-with-server.ts";
import { postgresBinary } from "../../../../../test/support/servers/postgres.ts";
import { fakeClock } from "../../../../testing/src/fake-clock.ts";
import type { RecordName } from "../store.ts";
import { storeContract } from "../../../../testing/src/store-contract/store-contract.ts";
import { transactionContract } from "../../../../testing/src/store-contract/transaction-contract.ts";

describeWithServer("the PostgreSQL store", postgresBinary, () => {
  const { server, create } = databases();

  describe("on a clock of the test", () => {
    const clock = fakeClock(1_700_000_000_000);
    const open = async (records: string) => {
      const store = onClock(pgPool(server().url), clock, { tablePrefix: `${records}_` });
      await store.migrate();
      return store;
    };
    for (const { name, run } of storeContract({ open, clock })) test(name, run);
  });

  describe.for(Object.entries(postgresClients))("through %s", ([, open]) => {
    const opened = async (records: string) => {
      const store = open(server().url, { tablePrefix: `${records}_`, connectionsMax: 2 });
      await store.migrate();
      return store;
    };
    const breakRecord = (records: string, { key }: RecordName) =>
      pgPool(server().url, { max: 1 }).query(`UPDATE ${records}_keys SET attempt = 0 WHERE key = $1`, [key]);
    for (const { name, run } of storeContract({ open: opened, breakRecord })) test(name, run);

    const transactional = {
      open: async () => {
        const url = await create();
        const store = open(url, { connectionsMax: 5 });
        await store.migrate();
        const outside = pgPool(url, { max: 1 });
        await outside.query("CREATE TABLE effects (name text NOT NULL)");
        const effects = async () =>
          (await outside.query<{ name: string }>("SELECT name FROM effects ORDER BY name")).rows.map(
            ({ name }) => name,
          );
        return { store, execute, effects };
      },
    };
    for (const { name, run } of transactionContract(transactional)) test(name, run);
  });
});
