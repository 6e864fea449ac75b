import { afterEach, beforeEach, expect, test } from "vitest";
import { onceFunction } from "../../packages/once-again/src/function/index.ts";
import { storesWithEffects } from "../postgres/stores-with-effects.ts";
import { describeWithServer } from "../support/servers/describe-with-server.ts";
import { postgresBinary, startPostgres } from "../support/servers/postgres.ts";
import type { PrivateServer } from "../support/servers/private-server.ts";

describeWithServer("functions in PostgreSQL", postgresBinary, () => {
  let server: PrivateServer;
  beforeEach(async () => void (server = await startPostgres()));
  afterEach(() => server[Symbol.asyncDispose]());

  test("of 40 calls at once through two drivers, one runs, and all get its result", async () => {
    const { stores, effects } = await storesWithEffects(server.url);
    const options = { mode: "transactional", scope: "pay", key: (id: string) => id, waitMs: 20_000 } as const;
    const pay = onceFunction({ ...options, store: stores.pg }, async ({ transaction }, id) => {
      await transaction.query("INSERT INTO effects VALUES ($1)", [id]);
      return { by: "pg" };
    });
    const payElsewhere = onceFunction({ ...options, store: stores.postgres }, async ({ transaction }, id) => {
      await transaction`INSERT INTO effects VALUES (${id})`;
      return { by: "postgres" };
    });
    const results = await Promise.all(Array.from({ length: 40 }, (_, at) => (at % 2 === 0 ? pay : payElsewhere)("a")));
    expect(new Set(results.map(({ by }) => by)).size).toBe(1);
    expect(await effects()).toEqual(["a"]);
  });

  test("a conflict between transactions runs it again: it is no refusal, whatever the rule says", async () => {
    const { stores, effects } = await storesWithEffects(server.url);
    let runs = 0;
    const pay = onceFunction(
      {
        mode: "transactional",
        store: stores.pg,
        scope: "pay",
        key: (id: string) => id,
        refusals: { encode: () => "refused", decode: (text) => new Error(text) },
      },
      async ({ transaction }, id) => {
        runs += 1;
        await transaction.query("INSERT INTO effects VALUES ($1)", [id]);
        if (runs === 1) await transaction.query("DO $$ BEGIN RAISE serialization_failure; END $$");
        return runs;
      },
    );
    expect([await pay("b"), await pay("b")]).toEqual([2, 2]);
    expect(await effects()).toEqual(["b"]);
  });
});
