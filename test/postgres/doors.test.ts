import { PGlite } from "@electric-sql/pglite";
import { neonConfig, Pool as NeonPool } from "@neondatabase/serverless";
import { execFile } from "node:child_process";
import { once } from "node:events";
import { connect } from "node:net";
import type { AddressInfo } from "node:net";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { WebSocket, WebSocketServer } from "ws";
import type { PgConnection, PgPool } from "../../packages/once-again/src/stores/postgres/client.ts";
import { postgresStore } from "../../packages/once-again/src/stores/postgres/index.ts";
import {
  intentContract,
  outboxContract,
  pglitePool,
  storeContract,
  transactionContract,
} from "../../packages/testing/src/index.ts";
import { findBinary } from "../support/servers/binary.ts";
import { describeWithServer } from "../support/servers/describe-with-server.ts";
import { pgbouncerBinary, startPgbouncer } from "../support/servers/pgbouncer.ts";
import { postgresBinary } from "../support/servers/postgres.ts";
import type { PrivateServer } from "../support/servers/private-server.ts";
import { databases, pgPool } from "./databases.ts";

// The same store behind other doors. What it decides is tried elsewhere, by random histories: here, that all of it gets through.

const contract = (options: Parameters<typeof storeContract>[0]) =>
  storeContract(options).filter(({ name }) => !name.includes("in any history"));

/** A store on a pool, with its tables. */
async function migrated(pool: PgPool<PgConnection>, records: string, prepare = true) {
  const store = postgresStore(pool, { tablePrefix: `${records}_`, prepare });
  await store.migrate();
  return store;
}

describeWithServer("through PgBouncer in transaction mode", pgbouncerBinary, () => {
  const { server } = databases();
  let bouncer: PrivateServer;
  beforeAll(async () => {
    bouncer = await startPgbouncer(server().port, 4);
  });
  afterAll(() => bouncer?.[Symbol.asyncDispose]());

  describe.each([true, false])("with prepared statements: %s", (prepare) => {
    const open = (records: string) => migrated(pgPool(bouncer.url, { max: 2 }), records, prepare);
    for (const { name, run } of contract({ open })) test(name, run);
  });
});

describeWithServer("through Neon's pool over WebSockets", postgresBinary, () => {
  const { server } = databases();
  const sockets = new WebSocketServer({ port: 0, host: "127.0.0.1" });
  beforeAll(() => {
    // Neon's proxy: what comes over a WebSocket goes to PostgreSQL, and back.
    sockets.on("connection", (socket) => {
      const database = connect(server().port, "127.0.0.1");
      socket.on("message", (bytes) => database.write(bytes as Buffer));
      socket.on("close", () => database.destroy());
      database.on("data", (bytes) => socket.send(bytes));
      database.on("close", () => socket.close());
      database.on("error", () => socket.close());
    });
    const { port } = sockets.address() as AddressInfo;
    Object.assign(neonConfig, {
      webSocketConstructor: WebSocket,
      wsProxy: () => `127.0.0.1:${port}/v2`,
      useSecureWebSocket: false,
      pipelineTLS: false,
      pipelineConnect: false,
    });
  });
  afterAll(async () => {
    for (const client of sockets.clients) client.terminate();
    sockets.close();
    await once(sockets, "close");
  });

  const open = (records: string) => {
    const pool = new NeonPool({ connectionString: server().url, max: 2 });
    onTestFinished(() => pool.end());
    return migrated(pool, records);
  };
  for (const { name, run } of contract({ open })) test(name, run);
});

describe("in a PGlite, without a server", () => {
  let pglite: PGlite;
  beforeAll(async () => {
    pglite = await PGlite.create();
  });
  afterAll(() => pglite?.close());

  const pools = new Map<string, ReturnType<typeof pglitePool>>();
  /** Connections to the same records share the one connection. */
  const poolOf = (): ReturnType<typeof pglitePool> => {
    const pool = pools.get("all") ?? pglitePool(pglite);
    pools.set("all", pool);
    return pool;
  };
  for (const { name, run } of contract({ open: (records) => migrated(poolOf(), records) })) test(name, run);

  const fixture = async (records: string) => {
    const pool = poolOf();
    await pool.query("DROP TABLE IF EXISTS effects; CREATE TABLE effects (name text NOT NULL)");
    return {
      store: await migrated(pool, records),
      execute: (transaction: { query(text: string): Promise<unknown> }, statement: string) =>
        transaction.query(statement),
      async effects() {
        const { rows } = await pglite.query<{ name: string }>("SELECT name FROM effects ORDER BY name");
        return rows.map(({ name }) => name);
      },
    };
  };
  // Effects are read by the same connection, inside of the transaction that is open.
  const seesItself = ["key, effect and result commit together, and a repeat gets the result"];
  const cases = transactionContract({ open: fixture, parallel: false, exclusive: false });
  for (const { name, run } of cases.filter(({ name }) => !seesItself.includes(name))) test(name, run);

  test("what is no PGlite is refused", () => {
    expect(() => pglitePool({} as never)).toThrow("PGlite.create()");
    expect(() => postgresStore(pglite as never)).toThrow("pglitePool(pglite)");
  });
});

const bunBinary = {
  name: "bun",
  folders: [fileURLToPath(new URL("../../node_modules/.bin", import.meta.url))],
  install: "npm install",
};

describeWithServer("through Bun.sql", bunBinary, () => {
  const { server } = databases();
  test("every case of the contracts of stores, outboxes and intents passes, and transactional mode is refused", async () => {
    const program = fileURLToPath(new URL("bun-child.ts", import.meta.url));
    const args = ["--conditions=@once-again/source", program, server().url];
    const { stdout } = await promisify(execFile)(findBinary(bunBinary)!, args);
    const { passed, failed, refusal } = JSON.parse(stdout) as { passed: number; failed: string[]; refusal: string };
    expect(failed).toEqual([]);
    const open = () => expect.unreachable();
    const ofContracts = [contract({ open }), outboxContract({ open }), intentContract({ open })].flat().length;
    const ofItsOwn = 2;
    expect(passed).toBe(ofContracts + ofItsOwn);
    expect(refusal).toContain("On Bun.sql, postgresStore has leased mode alone");
  }, 240_000);
});
