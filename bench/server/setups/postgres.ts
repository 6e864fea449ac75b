import { escapeLiteral, Pool, type PoolClient, type QueryResult } from "pg";
import postgres, { type ReservedSql } from "postgres";
import { postgresStore } from "../../../packages/once-again/src/stores/postgres/index.ts";
import { answer } from "../exchange.ts";
import { type Guarded, type MakeSetup, unguarded, type Work } from "../setup.ts";

/** As many connections as both clients have by default. */
const connectionsMax = 10;

const insertOrder = "INSERT INTO orders (account, amount) VALUES ($1, $2)";
const values = ["acme", 420];

/** The tables of the benchmark itself. */
const tables = `
  SELECT pg_advisory_xact_lock(1);
  CREATE TABLE IF NOT EXISTS orders (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, account text, amount integer);
  CREATE TABLE IF NOT EXISTS minimum (key text PRIMARY KEY, answer text)`;

async function pgPool(connectionString: string): Promise<Pool> {
  const pool = new Pool({ connectionString, max: connectionsMax });
  await pool.query(tables);
  return pool;
}

async function postgresJs(url: string) {
  const sql = postgres(url, { max: connectionsMax, onnotice: () => undefined });
  await sql.unsafe(tables);
  return sql;
}

const workThroughPg =
  (client: Pick<PoolClient, "query">): Work =>
  async () => {
    await client.query({ name: "insert-order", text: insertOrder, values });
    return answer;
  };

const workThroughPostgres =
  (sql: Pick<ReservedSql, "unsafe">): Work =>
  async () => {
    await sql.unsafe(insertOrder, values, { prepare: true });
    return answer;
  };

/** BEGIN, claim, work, keep, COMMIT: what one writes oneself. */
function handWritten(pool: Pool): Guarded<PoolClient> {
  return async ({ key }, work) => {
    const client = await pool.connect();
    try {
      await client.query("BEGIN");
      const claim = {
        name: "claim",
        text: "INSERT INTO minimum (key) VALUES ($1) ON CONFLICT DO NOTHING",
        values: [key],
      };
      if ((await client.query(claim)).rowCount === 0) {
        const read = { name: "read", text: "SELECT answer FROM minimum WHERE key = $1", values: [key] };
        const { rows } = await client.query<{ answer: string }>(read);
        await client.query("COMMIT");
        return rows[0]?.answer ?? "";
      }
      const text = await work(client);
      await client.query({ name: "keep", text: "UPDATE minimum SET answer = $2 WHERE key = $1", values: [key, text] });
      await client.query("COMMIT");
      return text;
    } finally {
      client.release();
    }
  };
}

/**
 * The same in as few trips as it takes: BEGIN goes with the claim, COMMIT with the answer. Texts of several statements have
 * no parameters, so the key and the answer are escaped.
 */
function handWrittenInThreeTrips(pool: Pool): Guarded<PoolClient> {
  return async ({ key }, work) => {
    const client = await pool.connect();
    try {
      const name = escapeLiteral(key);
      const [, claimed] = (await client.query(
        `BEGIN; INSERT INTO minimum (key) VALUES (${name}) ON CONFLICT DO NOTHING`,
      )) as unknown as QueryResult[];
      if (claimed?.rowCount === 0) {
        const [read] = (await client.query(
          `SELECT answer FROM minimum WHERE key = ${name}; COMMIT`,
        )) as unknown as QueryResult<{ answer: string }>[];
        return read?.rows[0]?.answer ?? "";
      }
      const text = await work(client);
      await client.query(`UPDATE minimum SET answer = ${escapeLiteral(text)} WHERE key = ${name}; COMMIT`);
      return text;
    } finally {
      client.release();
    }
  };
}

/** The guards with keys in PostgreSQL, with one row of business. */
export const postgresSetups = {
  "bare INSERT, pg": async (url) => ({ kind: "function", guarded: unguarded, work: workThroughPg(await pgPool(url)) }),
  "bare INSERT, postgres": async (url) => ({
    kind: "function",
    guarded: unguarded,
    work: workThroughPostgres(await postgresJs(url)),
  }),
  "hand-written, pg": async (url) => {
    const guarded = handWritten(await pgPool(url));
    return { kind: "function", guarded, work: (client: PoolClient) => workThroughPg(client)(undefined) };
  },
  "hand-written in 3 trips, pg": async (url) => {
    const guarded = handWrittenInThreeTrips(await pgPool(url));
    return { kind: "function", guarded, work: (client: PoolClient) => workThroughPg(client)(undefined) };
  },
  "once-again leased, pg": async (url) => {
    const pool = await pgPool(url);
    const store = postgresStore(pool);
    await store.migrate();
    return { kind: "leased", options: { store, scope: "public" }, work: workThroughPg(pool) };
  },
  "once-again leased, postgres": async (url) => {
    const sql = await postgresJs(url);
    const store = postgresStore(sql);
    await store.migrate();
    return { kind: "leased", options: { store, scope: "public" }, work: workThroughPostgres(sql) };
  },
  "once-again transactional, pg": async (url) => {
    const store = postgresStore<PoolClient>(await pgPool(url));
    await store.migrate();
    return {
      kind: "transactional",
      options: { mode: "transactional", store, scope: "public" },
      work: (client: PoolClient) => workThroughPg(client)(undefined),
    };
  },
  "once-again transactional, postgres": async (url) => {
    const store = postgresStore<ReservedSql>(await postgresJs(url));
    await store.migrate();
    return {
      kind: "transactional",
      options: { mode: "transactional", store, scope: "public" },
      work: (sql: ReservedSql) => workThroughPostgres(sql)(undefined),
    };
  },
} satisfies Record<string, MakeSetup>;
