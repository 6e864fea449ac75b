import { describe, test } from "vitest";
import { databases, pgPool } from "../../../../../../test/postgres/databases.ts";
import { orms } from "../../../../../../test/postgres/orms/index.ts";
import { describeWithServer } from "../../../../../../test/support/servers/describe-with-server.ts";
import { postgresBinary } from "../../../../../../test/support/servers/postgres.ts";
import { transactionContract } from "../../../../../testing/src/store-contract/transaction-contract.ts";
import { postgresStore } from "../index.ts";

describeWithServer("the PostgreSQL store with the transactions of an ORM", postgresBinary, () => {
  const { create } = databases();

  describe.for(Object.entries(orms))("of %s", ([, connect]) => {
    const open = async (records: string) => {
      const url = await create();
      const { transactions, execute } = await connect(url, { connectionsMax: 5 });
      const store = postgresStore(pgPool(url, { max: 3 }), { transactions, tablePrefix: `${records}_` });
      await store.migrate();
      const outside = pgPool(url, { max: 1 });
      await outside.query("CREATE TABLE effects (name text NOT NULL)");
      const effects = async () =>
        (await outside.query<{ name: string }>("SELECT name FROM effects ORDER BY name")).rows.map(({ name }) => name);
      return { store, execute, effects };
    };
    for (const { name, run } of transactionContract({ open })) test(name, run);
  });
});
