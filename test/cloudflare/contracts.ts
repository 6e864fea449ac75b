import { d1Store, type D1Transaction, durableObjectStore } from "../../packages/once-again/src/cloudflare/index.ts";
import type { ContractCase } from "../../packages/testing/src/store-contract/contract-case.ts";
import type { TransactionFixture } from "../../packages/testing/src/store-contract/transaction-case.ts";
import { transactionContract } from "../../packages/testing/src/store-contract/transaction-contract.ts";
import { storeContract } from "../../packages/testing/src/store-contract/store-contract.ts";
import type { Account } from "./objects.ts";

export { Account, OnceKeys } from "./objects.ts";

/** The rules that writes can't follow which are executed when the work has ended. */
const collectedWrites = { exclusive: false, statements: false, marks: false } as const;

/** The bindings of this Worker. */
interface Bindings {
  readonly ACCOUNT: DurableObjectNamespace<Account>;
  readonly DB: D1Database;
}

let latest = "";

/** A store on the database, which has no records yet for a new name: cases run one after the other. */
async function storeIn(database: D1Database, records: string) {
  const store = d1Store(database);
  await store.migrate();
  if (records !== latest) await database.prepare("DELETE FROM once_again_keys").bind().run();
  latest = records;
  return store;
}

/** The same, with an empty table of effects. */
async function effectsIn(database: D1Database, records: string): Promise<TransactionFixture<D1Transaction>> {
  await database.batch([
    database.prepare("CREATE TABLE IF NOT EXISTS effects (name TEXT)"),
    database.prepare("DELETE FROM effects"),
  ]);
  return {
    store: await storeIn(database, records),
    execute: (transaction, statement) => transaction.run(statement),
    async effects() {
      const { results } = await database.prepare("SELECT name FROM effects ORDER BY name").bind().run();
      return results.map((row) => (row as { name: unknown }).name);
    },
  };
}

const contracts: Readonly<Record<string, (env: Bindings) => readonly ContractCase[]>> = {
  "durable objects": ({ ACCOUNT }) =>
    storeContract({
      open: (records) => durableObjectStore(ACCOUNT, { prefix: `${records}/`, shards: 2 }),
      async breakRecord(records, { scope, key }) {
        for (const shard of [0, 1]) {
          await ACCOUNT.get(ACCOUNT.idFromName(`${records}/${shard}`)).breakRecord(scope, key);
        }
      },
    }),
  d1: ({ DB }) =>
    storeContract({
      open: (records) => storeIn(DB, records),
      async breakRecord(_, { scope, key }) {
        await DB.prepare("UPDATE once_again_keys SET attempt = 0 WHERE scope = ? AND key = ?").bind(scope, key).run();
      },
    }),
  "d1, transactions": ({ DB }) =>
    transactionContract({ open: (records) => effectsIn(DB, records), ...collectedWrites }),
};

/** Runs the contracts where Workers run: `GET /contract` names its cases, `GET /contract/case` runs one. */
export default {
  async fetch(request: Request, env: Bindings): Promise<Response> {
    const [, contract = "", name] = new URL(request.url).pathname.split("/").map(decodeURIComponent);
    const cases = contracts[contract]?.(env) ?? [];
    if (name === undefined) return Response.json(cases.map((one) => one.name));
    try {
      await cases.find((one) => one.name === name)!.run();
      return new Response("passed");
    } catch (error) {
      return new Response(error instanceof Error ? error.stack : String(error), { status: 500 });
    }
  },
};
