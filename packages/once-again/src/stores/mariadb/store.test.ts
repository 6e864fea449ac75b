import type { RowDataPacket } from "mysql2";
import { describe, expect, test } from "vitest";
import { databases, mariadbPool, onClock } from "../../../../../test/mariadb/databases.ts";
import { describeWithServer } from "../../../../../test/support/servers/describe-with-server.ts";
import { expectToReadBack } from "../../../../../test/support/reads-back.ts";
import { mariadbBinary } from "../../../../../test/support/servers/mariadb.ts";
import { fakeClock } from "../../../../testing/src/fake-clock.ts";
import type { RecordName } from "../store.ts";
import { storeContract } from "../../../../testing/src/store-contract/store-contract.ts";
import { transactionContract } from "../../../../testing/src/store-contract/transaction-contract.ts";
import { mariadbOutbox, mariadbStore } from "./index.ts";
import { waitMsMax as busyMsMax } from "../../../../../test/support/wait-ms-max.ts";

describeWithServer("the MariaDB store", mariadbBinary, () => {
  const { server, create } = databases();

  describe("on a clock of the test", () => {
    const clock = fakeClock(1_700_000_000_000);
    const open = async (records: string) => {
      const store = onClock(mariadbPool(server().url), clock, { busyMsMax, tablePrefix: `${records}_` });
      await store.migrate();
      return store;
    };
    for (const { name, run } of storeContract({ open, clock })) test(name, run);
  });

  describe("on its own clock", () => {
    const open = async (records: string) => {
      const pool = mariadbPool(server().url, { connectionLimit: 2 });
      const store = mariadbStore(pool, { busyMsMax, tablePrefix: `${records}_` });
      await store.migrate();
      return store;
    };
    const breakRecord = (records: string, { key }: RecordName) =>
      mariadbPool(server().url, { connectionLimit: 1 }).query(
        `UPDATE ${records}_keys SET attempt = 0 WHERE \`key\` = ?`,
        [Buffer.from(key)],
      );
    for (const { name, run } of storeContract({ open, breakRecord })) test(name, run);
  });

  test.for([
    ["placeholders by name", { namedPlaceholders: true }],
    ["another format for values", { queryFormat: (text: string) => text.replaceAll("?", "NULL") }],
    ["rows as lists", { rowsAsArray: true }],
    ["rows by tables", { nestTables: true }],
    ["values as bytes", { typeCast: false }],
    ["values as text", { typeCast: (field: { string(): string | null }) => field.string() }],
    ["values that it can't read itself", { typeCast: () => expect.fail("asked about a row of ours") }],
  ] as const)("works on a pool with %s", async ([, options]) => {
    const pool = mariadbPool(await create(), options);
    const store = mariadbStore(pool, { busyMsMax });
    await store.migrate();
    await expectToReadBack(store);

    const result = Uint8Array.of(1, 2, 3);
    const commit = { keep: "commit", result, value: "ran" } as const;
    const outbox = mariadbOutbox(pool);
    await outbox.migrate();
    const adding = store.transactUnkeyed(async (connection) => {
      await outbox.add(connection, { topic: "orders", orderingKey: "o", body: result });
      return commit;
    });
    expect(await adding).toBe("ran");
    const { batches } = await outbox.claim({ owner: "r", leaseMs: 60_000, limit: 10, messagesPerKey: 10 });
    expect(batches).toMatchObject([{ orderingKey: "o", messages: [{ topic: "orders", body: result }] }]);
  });

  const transactional = {
    open: async () => {
      const url = await create();
      const store = mariadbStore(mariadbPool(url, { connectionLimit: 5 }), { busyMsMax });
      await store.migrate();
      const outside = mariadbPool(url, { connectionLimit: 1 });
      await outside.query("CREATE TABLE effects (name varchar(255) NOT NULL)");
      const effects = async () =>
        (await outside.query<RowDataPacket[]>("SELECT name FROM effects ORDER BY name"))[0].map((row) => row["name"]);
      return {
        store,
        execute: (connection: { query(statement: string): Promise<unknown> }, statement: string) =>
          connection.query(statement),
        effects,
      };
    },
  };
  for (const { name, run } of transactionContract(transactional)) test(name, run);
});
