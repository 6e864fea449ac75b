import { spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join, resolve } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { text } from "node:stream/consumers";
import { createTRPCClient, httpBatchLink } from "@trpc/client";
import { Queue } from "bullmq";
import { makeWorkerUtils } from "graphile-worker";
import { Pool } from "pg";
import PgBoss from "pg-boss";
import { beforeAll, expect, onTestFinished, test, vi } from "vitest";
import type { Context } from "aws-lambda";
import type { Router } from "../../examples/functions/trpc.ts";
import { describeWithServer } from "../support/servers/describe-with-server.ts";
import { postgresBinary, startPostgres } from "../support/servers/postgres.ts";
import type { PrivateServer } from "../support/servers/private-server.ts";
import { redisBinary, startRedis } from "../support/servers/redis.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

// The programs of docs/guides/functions.md, as they stand there, with the queues that they are written for.

/** Runs a program of the guide, which does not outlive the test. */
function start(program: string, environment: Record<string, string> = {}) {
  const path = resolve("examples/functions", program);
  const child = spawn(process.execPath, ["--conditions=@once-again/source", path], {
    cwd: temporaryFolder(),
    env: { ...process.env, ...environment },
    stdio: ["ignore", "pipe", "inherit"],
  });
  let said = "";
  child.stdout.on("data", (chunk) => (said += String(chunk)));
  const kill = async (): Promise<void> => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    child.kill("SIGKILL");
    await once(child, "exit");
  };
  onTestFinished(kill);
  return {
    kill,
    stdout: child.stdout,
    says: (part: string) => expect.poll(() => said).toContain(part),
  };
}

test("charge.ts charges once, and gets the same receipt twice", async () => {
  const receipt = "{ receipt: 'receipt 1', amount: 700 }";
  expect(await text(start("charge.ts").stdout)).toBe(`${receipt}\n${receipt}\ncharges: 1\n`);
});

test("refusals.ts runs again after no effect, and not after a refusal", async () => {
  const declined = "Error: The card was declined: expired. expired";
  expect(await text(start("refusals.ts").stdout)).toBe(
    `NoEffectError: The provider is closed for a moment. \n${declined}\n${declined}\nattempts: 2\n`,
  );
});

test("graphql.ts pays once for a repeated mutation, for each account, and each field by itself", async () => {
  const path = join(temporaryFolder(), "orders.db");
  vi.stubEnv("ORDERS_DB", path);
  onTestFinished(() => void vi.unstubAllEnvs());
  const { execute } = await import("../../examples/functions/graphql.ts");
  const paid = { id: "1", amount: 700 };
  const mutation = 'mutation { a: pay(id: "1", amount: 700) { id amount } b: pay(id: "2", amount: 1) { amount } }';
  for (const account of ["acme", "acme", "zenith"]) {
    expect(await execute(account, mutation)).toMatchObject({ data: { a: paid, b: { amount: 1 } } });
  }
  const { data, errors } = await execute("acme", 'mutation { a: pay(id: "1", amount: 7000) { id } }');
  expect([data, errors?.[0]?.originalError]).toMatchObject([{ a: null }, { code: "ONCE_KEY_REUSED" }]);
  const database = new DatabaseSync(path);
  onTestFinished(() => database.close());
  expect(database.prepare("SELECT account, sum(amount) AS sum FROM payments GROUP BY account").all()).toEqual([
    { account: "acme", sum: 701 },
    { account: "zenith", sum: 701 },
  ]);
});

test("trpc.ts pays once for a repeated mutation, for each account, and each of a batch by itself", async () => {
  const path = join(temporaryFolder(), "orders.db");
  vi.stubEnv("ORDERS_DB", path);
  onTestFinished(() => void vi.unstubAllEnvs());
  const { serve } = await import("../../examples/functions/trpc.ts");
  let requests = 0;
  const client = (account: string | undefined) => {
    const fetch = (url: URL | string, init?: object) => {
      requests += 1;
      return serve(account, new Request(String(url), init));
    };
    return createTRPCClient<Router>({ links: [httpBatchLink({ url: "http://shop.example/trpc", fetch })] });
  };
  for (const account of ["acme", "acme", "zenith"]) {
    const { pay } = client(account);
    const both = [pay.mutate({ id: "1", amount: 700 }), pay.mutate({ id: "2", amount: 1 })];
    expect(await Promise.all(both)).toEqual([
      { id: "1", amount: 700 },
      { id: "2", amount: 1 },
    ]);
  }
  expect(requests).toBe(3);
  const { pay } = client("acme");
  const [reused, paid] = await Promise.allSettled([
    pay.mutate({ id: "1", amount: 7000 }),
    pay.mutate({ id: "3", amount: 10 }),
  ]);
  expect(reused).toMatchObject({ status: "rejected", reason: { data: { code: "UNPROCESSABLE_CONTENT" } } });
  expect(paid).toMatchObject({ status: "fulfilled" });
  for (const id of ["", "x".repeat(300)]) {
    await expect(pay.mutate({ id, amount: 1 })).rejects.toMatchObject({ data: { code: "BAD_REQUEST" } });
  }
  await expect(client(undefined).pay.mutate({ id: "4", amount: 1 })).rejects.toMatchObject({
    data: { code: "UNAUTHORIZED" },
  });
  const database = new DatabaseSync(path);
  onTestFinished(() => database.close());
  expect(database.prepare("SELECT account, sum(amount) AS sum FROM payments GROUP BY account").all()).toEqual([
    { account: "acme", sum: 711 },
    { account: "zenith", sum: 701 },
  ]);
});

test("cron.ts makes one report for each time, in two processes", async () => {
  const path = join(temporaryFolder(), "reports.db");
  const programs = [1, 2].map(() => start("cron.ts", { REPORTS_DB: path, SCHEDULE: "* * * * * *" }));
  for (const program of programs) await program.says("ready");
  const database = new DatabaseSync(path);
  onTestFinished(() => database.close());
  const count = (what: string) =>
    Number(database.prepare(`SELECT count(${what}) AS count FROM reports`).get()?.["count"]);
  await expect.poll(() => count("*")).toBeGreaterThanOrEqual(3);
  for (const program of programs) await program.says(" m");
  await Promise.any(programs.map((program) => program.says("by another process")));
  for (const program of programs) await program.kill();
  expect(count("DISTINCT time")).toBe(count("*"));
});

describeWithServer("jobs in PostgreSQL", postgresBinary, () => {
  let postgres: PrivateServer;
  beforeAll(async () => {
    postgres = await startPostgres();
    return () => postgres[Symbol.asyncDispose]();
  });

  /** A new database. */
  async function shop(name: string) {
    const admin = new Pool({ connectionString: postgres.url });
    await admin.query(`CREATE DATABASE ${name}`);
    await admin.end();
    const url = new URL(postgres.url);
    url.pathname = `/${name}`;
    const pool = new Pool({ connectionString: url.href });
    pool.on("error", () => undefined);
    onTestFinished(() => pool.end());
    const charges = async () => (await pool.query("SELECT order_id, amount FROM charges")).rows;
    return { url: url.href, pool, charges };
  }

  const order = { id: "order-7", amount: 700 };
  const charged = [{ order_id: "order-7", amount: 700 }];

  /**
   * Kills a worker when its charge is committed, and its queue has not heard of it yet: the row of its job is locked
   * meanwhile.
   */
  async function killBeforeItSaysSo(
    { pool, charges }: Awaited<ReturnType<typeof shop>>,
    worker: ReturnType<typeof start>,
    { add, jobs }: { add: () => Promise<unknown>; jobs: string },
  ) {
    const [gate, lock] = [await pool.connect(), await pool.connect()];
    await gate.query("BEGIN; LOCK TABLE charges");
    await add();
    const waits = "SELECT 1 FROM pg_locks JOIN pg_class ON oid = relation WHERE relname = 'charges' AND NOT granted";
    await expect.poll(async () => (await pool.query(waits)).rowCount).toBe(1);
    await lock.query(`BEGIN; SELECT 1 FROM ${jobs} FOR UPDATE`);
    await gate.query("COMMIT");
    await worker.says('{"charged":700}');
    expect(await charges()).toEqual(charged);
    // The statement that would say so waits for the lock, and dies with its worker.
    const waiting = "SELECT DISTINCT pid FROM pg_locks WHERE NOT granted";
    await expect.poll(async () => (await pool.query(waiting)).rowCount).toBe(1);
    await worker.kill();
    await pool.query(`SELECT pg_terminate_backend(pid) FROM (${waiting}) AS waiting`);
    await expect.poll(async () => (await pool.query(waiting)).rowCount).toBe(0);
    await lock.query("COMMIT");
    gate.release();
    lock.release();
  }

  test("graphile-worker.ts charges once, though its worker is killed before the queue has the result", async () => {
    const database = await shop("graphile");
    const { url, pool, charges } = database;
    const first = start("graphile-worker.ts", { DATABASE_URL: url });
    await first.says("ready");
    const utils = await makeWorkerUtils({ connectionString: url });
    onTestFinished(async () => utils.release());
    await killBeforeItSaysSo(database, first, {
      add: () => utils.addJob("charge", order),
      jobs: "graphile_worker._private_jobs",
    });
    // By itself, Graphile Worker frees the jobs of a dead worker after four hours.
    const { rows } = await pool.query<{ locked_by: string }>("SELECT locked_by FROM graphile_worker._private_jobs");
    expect(rows).toHaveLength(1);
    await utils.forceUnlockWorkers(rows.map(({ locked_by: worker }) => worker));
    const second = start("graphile-worker.ts", { DATABASE_URL: url });
    await second.says('{"charged":700}');
    expect(await charges()).toEqual(charged);
  });

  test("pg-boss.ts charges once, though its worker is killed before the queue has the result", async () => {
    const database = await shop("boss");
    const { url, pool, charges } = database;
    const first = start("pg-boss.ts", { DATABASE_URL: url });
    await first.says("ready");
    const boss = new PgBoss({ connectionString: url, supervise: false, schedule: false });
    await boss.start();
    onTestFinished(() => boss.stop({ graceful: false, wait: true }));
    await killBeforeItSaysSo(database, first, {
      add: () => boss.send("charges", order),
      jobs: "pgboss.job",
    });
    // By itself, pg-boss looks once a minute for jobs that have run for longer than they may, 15 minutes by default.
    await pool.query("UPDATE pgboss.job SET started_on = started_on - interval '1 hour'");
    await boss.maintain();
    expect((await pool.query("SELECT state FROM pgboss.job")).rows).toEqual([{ state: "retry" }]);
    const second = start("pg-boss.ts", { DATABASE_URL: url });
    await second.says('{"charged":700}');
    expect(await charges()).toEqual(charged);
  });
});

describeWithServer("jobs in Redis", redisBinary, () => {
  /** A provider that honours keys, and says nothing at first to the first request. */
  async function provider() {
    const charges = new Map<string, string>();
    const requests: string[] = [];
    const server = createServer((request, response) => {
      const key = String(request.headers["idempotency-key"]);
      requests.push(key);
      charges.set(key, charges.get(key) ?? `receipt ${charges.size + 1}`);
      if (requests.length > 1) response.end(JSON.stringify({ receipt: charges.get(key) }));
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    onTestFinished(() => {
      server.closeAllConnections();
      server.close();
    });
    return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`, charges, requests };
  }

  test("bullmq.ts charges once, though its worker is killed, and the order is queued twice", async () => {
    await using redis = await startRedis();
    const { url, charges, requests } = await provider();
    const environment = { REDIS_URL: redis.url, PROVIDER_URL: url, LOCK_MS: "1000" };
    const { hostname: host, port } = new URL(redis.url);
    const queue = new Queue("charges", { connection: { host, port: Number(port) } });
    onTestFinished(() => queue.close());

    const first = start("bullmq.ts", environment);
    await first.says("ready");
    await queue.add("charge", { id: "order-7", amount: 700 }, { jobId: "first" });
    await expect.poll(() => requests).toHaveLength(1);
    await first.kill();

    const second = start("bullmq.ts", environment);
    await second.says('job first: {"receipt":"receipt 1"}');
    await queue.add("charge", { id: "order-7", amount: 700 }, { jobId: "second" });
    await second.says('job second: {"receipt":"receipt 1"}');
    expect([...charges]).toEqual([["order-7", "receipt 1"]]);
    expect(requests).toEqual(["order-7", "order-7"]);
  });
});

test("lambda.ts charges each order once, and none where the invocation is about to end", async () => {
  vi.stubEnv("ORDERS_DB", join(temporaryFolder(), "orders.db"));
  const { handler } = await import("../../examples/functions/lambda.ts");
  const within = (leftMs: number) => ({ getRemainingTimeInMillis: () => leftMs }) as Context;
  const orders = [{ id: "order-7", amount: 700 }];
  await expect(handler(orders, within(50))).rejects.toMatchObject({ code: "ONCE_CLOSED" });
  for (let times = 0; times < 2; times += 1) {
    expect(await handler(orders, within(30_000))).toEqual(["700 charged by order-7"]);
  }
});
