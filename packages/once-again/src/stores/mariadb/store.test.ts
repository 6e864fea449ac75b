import { expect, test } from "vitest";
import { databases, mariadbPool } from "../../../../../test/mariadb/databases.ts";
import { describeWithServer } from "../../../../../test/support/servers/describe-with-server.ts";
import { expectToReadBack } from "../../../../../test/support/reads-back.ts";
import { mariadbBinary } from "../../../../../test/support/servers/mariadb.ts";
import { mariadbOutbox, mariadbStore } from "./index.ts";
import { waitMsMax as busyMsMax } from "../../../../../test/support/wait-ms-max.ts";

describeWithServer("the MariaDB store", mariadbBinary, () => {
  const { create } = databases();

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
});
