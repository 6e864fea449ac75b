/** Runs the contracts in Bun, through its own client of PostgreSQL, and prints which cases failed. */
import { openEngine } from "../../packages/once-again/src/engine/open-engine.ts";
import { postgresIntents, postgresOutbox, postgresStore } from "../../packages/once-again/src/stores/postgres/index.ts";
import { intentContract } from "../../packages/testing/src/intent-contract/intent-contract.ts";
import { outboxContract } from "../../packages/testing/src/outbox-contract/outbox-contract.ts";
import { storeContract } from "../../packages/testing/src/store-contract/store-contract.ts";

type Given = Parameters<typeof postgresStore>[0] & Parameters<typeof postgresIntents>[0];
type BunSql = Given & {
  begin(work: (transaction: never) => Promise<void>): Promise<void>;
  unsafe(statement: string): Promise<unknown>;
  end(): Promise<void>;
};
const { SQL } = (globalThis as unknown as { Bun: { SQL: new (options: object) => BunSql } }).Bun;

const url = process.argv[2]!;
const pools: BunSql[] = [];
const connect = (max: number, database?: string): BunSql => {
  const sql = new SQL({ url: database === undefined ? url : url.replace(/[^/]+$/, database), max });
  pools.push(sql);
  return sql;
};
const closePools = () => Promise.all(pools.splice(0).map((sql) => sql.end()));

/** A transaction of the user's own that stays open until its end is asked for. */
const beginIn = async (sql: BunSql) => {
  const begun = Promise.withResolvers<never>();
  const ended = Promise.withResolvers<void>();
  const over = sql.begin(async (transaction) => {
    begun.resolve(transaction);
    await ended.promise;
  });
  over.catch(begun.reject);
  return {
    transaction: await begun.promise,
    async commit() {
      ended.resolve();
      await over;
    },
    async rollback() {
      ended.reject(new Error("rolled back"));
      await over.catch(() => undefined);
    },
  };
};

const databases = new Set<string>();
const contracts = [
  storeContract({
    async open(records) {
      const store = postgresStore(connect(2), { tablePrefix: `${records}_` });
      await store.migrate();
      return store;
    },
  }),
  outboxContract({
    async open(records) {
      const sql = connect(8);
      const outbox = postgresOutbox(sql, { tablePrefix: `${records}_` });
      await outbox.migrate();
      return { outbox, begin: () => beginIn(sql), close: async () => undefined };
    },
  }),
  intentContract({
    async open(intents) {
      if (!databases.has(intents)) await connect(1).unsafe(`CREATE DATABASE ${intents}`);
      databases.add(intents);
      const store = postgresIntents(connect(2, intents));
      await store.migrate();
      return store;
    },
  }),
];

let passed = 0;
const failed: string[] = [];
const attempt = async (name: string, run: () => Promise<unknown>): Promise<void> => {
  try {
    await run();
    passed += 1;
  } catch (error) {
    failed.push(`${name}: ${String(error)}`);
  }
  await closePools();
};
for (const { name, run } of contracts.flat()) if (!name.includes("in any history")) await attempt(name, run);

await attempt("a relay is woken, and a transaction that has ended takes no message", async () => {
  const sql = connect(3);
  const outbox = postgresOutbox(sql);
  await outbox.migrate();
  const heard = Promise.withResolvers<void>();
  const unlisten = await outbox.listen?.(heard.resolve, heard.reject);
  const open = await beginIn(sql);
  await outbox.add(open.transaction, { topic: "orders", body: "tea" });
  await open.commit();
  await heard.promise;
  await unlisten?.();
  const late = await outbox.add(open.transaction, { topic: "orders", body: "tea" }).catch(() => "refused");
  const { messages } = await outbox.backlog();
  if (late !== "refused" || messages !== 1) throw new Error(`${late}, and ${messages} messages`);
});
await attempt("an intent commits with its transaction, or not at all", async () => {
  const sql = connect(3);
  const store = postgresIntents(sql);
  await store.migrate();
  const request = { method: "POST", url: "https://shop.example/orders", headers: [], body: Uint8Array.of(0, 255) };
  for (const end of ["commit", "rollback"] as const) {
    const open = await beginIn(sql);
    const intent = { id: end, key: end, fingerprint: "f", request, giveUpAfterMs: 60_000, openMax: 10 };
    await store.addWithin(open.transaction, intent);
    await open[end]();
  }
  const ids = (await store.list({})).map(({ id }) => id);
  if (ids.join() !== "commit") throw new Error(`these are there: ${ids.join()}`);
});

let refusal: unknown;
try {
  openEngine({ store: postgresStore(connect(2)), mode: "transactional" });
} catch (error) {
  refusal = String(error);
}
process.stdout.write(JSON.stringify({ passed, failed, refusal }));
process.exit();
