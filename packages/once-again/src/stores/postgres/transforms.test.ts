import postgres from "postgres";
import { describe, expect, onTestFinished, test } from "vitest";
import { expectToReadBack } from "../../../../../test/support/reads-back.ts";
import { databases } from "../../../../../test/postgres/databases.ts";
import { describeWithServer } from "../../../../../test/support/servers/describe-with-server.ts";
import { postgresBinary } from "../../../../../test/support/servers/postgres.ts";
import { fromPostgresJs, onceWithin, postgresIntents, postgresOutbox, postgresStore } from "./index.ts";
import type { PostgresStoreOptions } from "./store.ts";

const result = Uint8Array.of(0, 1, 255);
const operation = { scope: "acme", key: "order-7", fingerprint: "f", retentionMs: 60_000 };
const notAnOption = expect.objectContaining({ code: "ONCE_OPTION_INVALID" }) as Error;

const transforms = {
  camel: postgres.camel,
  pascal: postgres.pascal,
  kebab: postgres.kebab,
  "camel both ways, undefined": { ...postgres.camel, undefined: null },
  "a function for columns": { column: { from: (name: string) => name.toUpperCase() } },
};

describeWithServer("a `sql` of `postgres` with a transform", postgresBinary, () => {
  const { create } = databases();

  describe.for(Object.entries(transforms))("%s", ([, transform]) => {
    const opened = async (options: PostgresStoreOptions = {}) => {
      const sql = postgres(await create(), { max: 4, onnotice: () => undefined, transform });
      onTestFinished(() => sql.end({ timeout: 1 }));
      const store = postgresStore(sql, options);
      await store.migrate();
      return { sql, store };
    };

    test.for([true, false])("a repeat gets the first result, prepared %s", async (prepare) => {
      const { store } = await opened({ prepare });
      await expectToReadBack(store);
    });

    test("messages and intents come back, also through a transaction of the user's own", async () => {
      const { sql } = await opened();
      const outbox = postgresOutbox(sql);
      await outbox.migrate();
      const intents = postgresIntents(sql);
      await intents.migrate();
      const intent = {
        ...{ id: "i", key: "k", fingerprint: "f", giveUpAfterMs: 60_000, openMax: 10 },
        request: { method: "POST", url: "https://shop.example/", headers: [], body: result },
      };
      await sql.begin(async (transaction) => {
        await transaction`SELECT txid_current()`;
        await outbox.add(transaction, { topic: "orders", orderingKey: "o", body: result });
        expect((await intents.addWithin(transaction, intent)).kind).toBe("added");
      });
      const within = () =>
        sql.begin((transaction) => onceWithin(fromPostgresJs(transaction), operation, async () => result));
      expect((await within()).kind).toBe("executed");
      expect(await within()).toEqual({ kind: "done", value: undefined, result });
      const { batches } = await outbox.claim({ owner: "r", leaseMs: 60_000, limit: 10, messagesPerKey: 10 });
      expect(batches).toMatchObject([{ orderingKey: "o", messages: [{ topic: "orders", body: result }] }]);
      expect(await intents.inspect("i")).toMatchObject({ state: "pending", request: { body: result } });
    });
  });

  test.for([
    [17, (text: string) => text],
    [23, String],
    [25, (text: string) => text.toUpperCase()],
  ] as const)("that reads the type %i otherwise is refused, with what to do", ([type, parse]) => {
    const types = { ours: { to: type, from: [type], serialize: String, parse } };
    const sql = postgres("postgres://127.0.0.1:1/none", { types });
    for (const open of [postgresStore, postgresOutbox, postgresIntents]) {
      expect(() => open(sql as never)).toThrow(notAnOption);
      expect(() => open(sql as never)).toThrow(`types, for the type ${type}, of postgres`);
    }
  });

  test("that reads large integers as a bigint, and dates as text, is taken", () => {
    const dates = { to: 1184, from: [1082, 1114, 1184], serialize: String, parse: String };
    const sql = postgres("postgres://127.0.0.1:1/none", { types: { bigint: postgres.BigInt, dates } });
    for (const open of [postgresStore, postgresOutbox, postgresIntents]) expect(() => open(sql as never)).not.toThrow();
  });

  test.for([
    ["column", { column: { from: (name: string) => `the ${name}` } }],
    ["value", { value: { from: (value: unknown) => value ?? undefined } }],
    [
      "value",
      { value: { from: (value: unknown) => (typeof value === "string" ? value.trim().toUpperCase() : value) } },
    ],
    ["row", { row: { from: () => undefined } }],
    ["row", { row: { from: (row: object) => Object.keys(row) } }],
  ] as const)("with a %s that changes more than names is refused, with what to do", ([part, transform]) => {
    const sql = postgres("postgres://127.0.0.1:1/none", { transform });
    for (const open of [postgresStore, postgresOutbox, postgresIntents]) {
      expect(() => open(sql)).toThrow(notAnOption);
      expect(() => open(sql)).toThrow(`transform.${part} of postgres`);
      expect(() => open(sql)).toThrow("without it");
    }
  });
});
