import { DatabaseSync } from "node:sqlite";
import { setTimeout } from "node:timers/promises";
import { Redis } from "ioredis";
import { createConnection, type Connection, type RowDataPacket } from "mysql2/promise";
import { Client } from "pg";
import { type Random, uniform } from "../../../../packages/once-again/src/core/random.ts";
import type { Action } from "../courses.ts";
import type { EngineName } from "../engine.ts";
import { faultMs } from "./operator-action.ts";

/** How long between two tries to undo a fault, while the database is away itself, milliseconds. */
const undoPauseMs = 100;

/** How often connections are ended in one fault, and the pause after each, milliseconds. */
const endings = 10;
const endingPauseMs = 200;

/** A session of the operator. */
export interface Session extends AsyncDisposable {
  run(statement: string): Promise<unknown>;
}

/** The work of an operator's session. `false`: the database was away, or the work failed. */
export async function asOperator(
  engine: EngineName,
  url: string,
  work: (session: Session) => Promise<unknown>,
): Promise<boolean> {
  try {
    await using session = await sessions[engine](url);
    await work(session);
    return true;
  } catch {
    return false;
  }
}

/**
 * Faults of a database, by statements.
 *
 * @param url of the database, or the path of its file; not through a wire that is cut.
 * @param standbys its `synchronous_standby_names`, in PostgreSQL.
 */
export function databaseFaults(engine: EngineName, url: string, standbys: string): Partial<Record<string, Action>> {
  // The database may be killed in the middle of a fault, which is then over.
  const briefly = (work: (session: Session) => Promise<unknown>): Promise<boolean> => asOperator(engine, url, work);
  const runAll =
    (statements: readonly string[]) =>
    async ({ run }: Session): Promise<void> => {
      for (const statement of statements) await run(statement);
    };
  const last = (random: Random): Promise<void> => setTimeout(uniform(random, ...faultMs));
  const held =
    (...statements: string[]): Action =>
    async (random) => {
      await briefly(async (session) => {
        await runAll(statements)(session);
        await last(random);
      });
    };
  /** A change that outlives the session that made it, and is undone for certain. */
  const undone =
    (done: readonly string[], undo: readonly string[]): Action =>
    async (random) => {
      await held(...done)(random);
      while (!(await briefly(runAll(undo)))) await setTimeout(undoPauseMs);
    };
  const ended =
    (statement: string): Action =>
    async () => {
      for (let count = 0; count < endings; count += 1) {
        await briefly(({ run }) => run(statement));
        await setTimeout(endingPauseMs);
      }
    };
  switch (engine) {
    case "postgres": {
      const set = (setting: string) => [`ALTER SYSTEM SET ${setting}`, "SELECT pg_reload_conf()"];
      return {
        "table-lock": held("BEGIN", "LOCK TABLE once_again_keys"),
        "ended-connections": ended(
          `SELECT pg_terminate_backend(pid) FROM (SELECT pid FROM pg_stat_activity
            WHERE backend_type = 'client backend' AND pid <> pg_backend_pid() ORDER BY random() LIMIT 2) AS some`,
        ),
        "standby-away": undone(
          set("synchronous_standby_names = 'away'"),
          set(`synchronous_standby_names = '${standbys}'`),
        ),
        "read-only": undone(set("default_transaction_read_only = on"), set("default_transaction_read_only = off")),
      };
    }
    case "mariadb":
      return {
        "table-lock": held("FLUSH TABLES WITH READ LOCK"),
        "ended-connections": ended("KILL"),
        "read-only": undone(["SET GLOBAL read_only = 1"], ["SET GLOBAL read_only = 0"]),
      };
    case "redis":
      return {
        "paused-writes": undone(["CLIENT PAUSE 6000 WRITE"], ["CLIENT UNPAUSE"]),
        "ended-connections": ended("CLIENT KILL TYPE normal SKIPME yes"),
        "full-memory": undone(["CONFIG SET maxmemory 1"], ["CONFIG SET maxmemory 0"]),
      };
    case "sqlite":
      return { "table-lock": held("BEGIN IMMEDIATE") };
    default:
      return {};
  }
}

/** How each database is spoken to. */
const sessions: Readonly<Record<EngineName, (url: string) => Promise<Session>>> = {
  async postgres(url) {
    const client = new Client({ connectionString: url });
    client.on("error", () => undefined);
    await client.connect();
    // Its own commits wait for no standby, and it may write where others may not.
    await client.query("SET synchronous_commit = local; SET default_transaction_read_only = off");
    return { run: (statement) => client.query(statement), [Symbol.asyncDispose]: () => client.end() };
  },
  async mariadb(url) {
    const connection = await createConnection(url);
    connection.on("error", () => undefined);
    return {
      run: (statement) => (statement === "KILL" ? killAny(connection) : connection.query(statement)),
      [Symbol.asyncDispose]: async () => connection.destroy(),
    };
  },
  async redis(url) {
    const client = new Redis(url, { lazyConnect: true, retryStrategy: () => null });
    client.on("error", () => undefined);
    await client.connect();
    return {
      run: (statement) => {
        const [command, ...rest] = statement.split(" ");
        return client.call(command!, ...rest);
      },
      [Symbol.asyncDispose]: async () => client.disconnect(),
    };
  },
  async sqlite(path) {
    const database = new DatabaseSync(path);
    database.exec("PRAGMA busy_timeout = 5000");
    return { run: async (statement) => database.exec(statement), [Symbol.asyncDispose]: async () => database.close() };
  },
  nats: () => Promise.reject(new Error("NATS has no statements.")),
  dynamodb: () => Promise.reject(new Error("DynamoDB has no statements.")),
};

async function killAny(connection: Connection): Promise<void> {
  const [rows] = await connection.query<RowDataPacket[]>(
    "SELECT id FROM information_schema.processlist WHERE id <> CONNECTION_ID() AND user <> 'system user' ORDER BY RAND() LIMIT 1",
  );
  for (const { id } of rows) await connection.query(`KILL ${Number(id)}`);
}
