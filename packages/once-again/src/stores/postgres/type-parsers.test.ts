import { Client, Pool, type PoolConfig } from "pg";
import { expect, onTestFinished, test } from "vitest";
import { expectToReadBack } from "../../../../../test/support/reads-back.ts";
import { databases } from "../../../../../test/postgres/databases.ts";
import { describeWithServer } from "../../../../../test/support/servers/describe-with-server.ts";
import { postgresBinary } from "../../../../../test/support/servers/postgres.ts";
import { fromPg, onceWithin, postgresIntents, postgresOutbox, postgresStore } from "./index.ts";

const result = Uint8Array.of(0, 1, 255);
const operation = { scope: "acme", key: "order-7", fingerprint: "f", retentionMs: 60_000 };

const pools: Readonly<Record<string, PoolConfig>> = {
  "reads all types otherwise": {
    types: { getTypeParser: () => () => expect.fail("asked about a row of ours") },
  },
  "reads all types as text": { types: { getTypeParser: () => String } },
};

describeWithServer("a Pool of `pg`", postgresBinary, () => {
  const { create } = databases();

  test.for(
    Object.entries(pools).flatMap(([name, config]) => [true, false].map((prepare) => [name, prepare, config] as const)),
  )("that %s gives our rows as any other, prepared %s", async ([, prepare, config]) => {
    const pool = new Pool({ connectionString: await create(), max: 4, ...config });
    onTestFinished(() => pool.end());
    const store = postgresStore(pool, { prepare });
    await store.migrate();
    await expectToReadBack(store);

    const outbox = postgresOutbox(pool);
    await outbox.migrate();
    const intents = postgresIntents(pool);
    await intents.migrate();
    const intent = {
      ...{ id: "i", key: "k", fingerprint: "f", giveUpAfterMs: 60_000, openMax: 10 },
      request: { method: "POST", url: "https://shop.example/", headers: [], body: result },
    };
    const within = async () => {
      const client = await pool.connect();
      await client.query("BEGIN");
      const outcome = await onceWithin(fromPg(client), { ...operation, key: "order-8" }, async () => {
        await outbox.add(client, { topic: "orders", orderingKey: "o", body: result });
        expect((await intents.addWithin(client, intent)).kind).toBe("added");
        return result;
      });
      await client.query("COMMIT");
      client.release();
      return outcome;
    };
    expect((await within()).kind).toBe("executed");
    expect(await within()).toEqual({ kind: "done", value: undefined, result });
    const { batches } = await outbox.claim({ owner: "r", leaseMs: 60_000, limit: 10, messagesPerKey: 10 });
    expect(batches).toMatchObject([{ orderingKey: "o", messages: [{ topic: "orders", body: result }] }]);
    expect(await intents.inspect("i")).toMatchObject({ state: "pending", request: { body: result } });
  });

  test("that reads bytes as text is refused, with what to do, and so is its client", () => {
    const config = { connectionString: "postgres://127.0.0.1:1/none", binary: true } as PoolConfig;
    const pool = new Pool(config);
    for (const open of [postgresStore, postgresOutbox, postgresIntents])
      expect(() => open(pool)).toThrow("binary of pg must be off");
    expect(() => postgresIntents(new Client(config))).toThrow("binary of pg must be off");
    expect(() => fromPg(new Client(config))).toThrow("binary of pg must be off");
  });
});
