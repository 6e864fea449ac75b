import { once } from "node:events";
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Redis } from "ioredis";
import { Client, Pool } from "pg";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import { bucket, natsConnection } from "../../../../test/nats/buckets.ts";
import { createTable, dynamodbClient } from "../../../../test/support/dynamodb/tables.ts";
import { runCli } from "../../../../test/support/cli.ts";
import { describeWithServer } from "../../../../test/support/servers/describe-with-server.ts";
import { mariadbPool } from "../../../../test/mariadb/databases.ts";
import { mariadbBinary, startMariadb } from "../../../../test/support/servers/mariadb.ts";
import { awsEnvironment, motoBinary, startMoto } from "../../../../test/support/servers/moto.ts";
import { natsBinary, startNats } from "../../../../test/support/servers/nats.ts";
import { postgresBinary, startPostgres } from "../../../../test/support/servers/postgres.ts";
import type { PrivateServer } from "../../../../test/support/servers/private-server.ts";
import { redisBinary, startRedis, startRedisCluster } from "../../../../test/support/servers/redis.ts";
import { temporaryFolder } from "../../../../test/support/temporary-folder.ts";
import { dynamodbStore } from "../stores/dynamodb/index.ts";
import { mariadbStore } from "../stores/mariadb/index.ts";
import { natsStore } from "../stores/nats/index.ts";
import { postgresStore } from "../stores/postgres/index.ts";
import { redisStore } from "../stores/redis/index.ts";
import type { Store } from "../stores/index.ts";
import { exitCodes } from "./exit-codes.ts";
import { storeFromUrl } from "./store-from-url.ts";
import { loadDriver, loadDrivers } from "./load-driver.ts";
import { waitMsMax } from "../../../../test/support/wait-ms-max.ts";

// The tests start servers, one of them a cluster, and each command is a separate process.
/** Leaves a held key in a store, and settles it by the CLI. */
async function settleByUrl(store: Store, url: string, key = "order-7", cwd?: string): Promise<void> {
  const name = { scope: "acme", key, owner: "worker" };
  const run = (command: string, ...args: string[]) =>
    runCli(["keys", command, "--store", url, "--json", ...args], {}, cwd);
  await store.claim({ ...name, fingerprint: "f", leaseMs: 60_000, retentionMs: 60_000 });
  await store.renew({ ...name, leaseMs: 0 });
  const listed = await run("list", "--state", "held");
  expect(JSON.parse(listed.stdout)).toMatchObject({ keys: [{ scope: "acme", key }] });
  const resolved = await run("resolve", "acme", key, "--status", "204", "--yes", "--reason", "seen");
  expect(resolved.code).toBe(exitCodes.fine);
  const shown = await run("show", "acme", key);
  expect(JSON.parse(shown.stdout)).toMatchObject({ state: "done", result: { kind: "answer", status: 204 } });
  expect(JSON.parse((await run("purge")).stdout)).toEqual({ removed: 0 });
  await releaseByUrl(store, run, `${key} not charged`);
}

/** Releases a held key, which is claimed again: the release is stored, and no list of keys shows its record. */
async function releaseByUrl(
  store: Store,
  run: (command: string, ...args: string[]) => Promise<{ code: number | null; stdout: string }>,
  key: string,
): Promise<void> {
  const claim = { scope: "acme", key, owner: "worker", fingerprint: "f", leaseMs: 60_000, retentionMs: 60_000 };
  await store.claim(claim);
  await store.renew({ ...claim, leaseMs: 0 });
  const why = ["--by", "ann", "--reason", "the bank has no charge"];
  expect((await run("release", "acme", key, "--yes", ...why)).code).toBe(exitCodes.fine);
  expect(await store.claim({ ...claim, owner: "another" })).toMatchObject({ kind: "acquired", attempt: 1 });
  const release = { scope: "acme", key, author: "ann", reason: "the bank has no charge", isKnown: true };
  const listed = JSON.parse((await run("list", "--state", "released")).stdout) as { releases: { key: string }[] };
  expect(listed.releases.filter((one) => one.key === key)).toMatchObject([release]);
  expect(JSON.parse((await run("show", "acme", key)).stdout)).toMatchObject({ state: "running", releases: [release] });
  const { keys } = JSON.parse((await run("list")).stdout) as { keys: { scope: string }[] };
  expect(new Set(keys.map(({ scope }) => scope))).toEqual(new Set(["acme"]));
  expect(JSON.parse((await run("list", "--state", "held")).stdout)).toMatchObject({ keys: [] });
}

/** A project's folder that has one of our development dependencies installed. */
function projectWith(driver: string): string {
  const folder = temporaryFolder();
  mkdirSync(join(folder, "node_modules"));
  symlinkSync(
    fileURLToPath(new URL(`../../node_modules/${driver}`, import.meta.url)),
    join(folder, "node_modules", driver),
  );
  return folder;
}

async function untilTestEnds<Server extends AsyncDisposable>(starting: Promise<Server>): Promise<Server> {
  const server = await starting;
  onTestFinished(() => server[Symbol.asyncDispose]());
  return server;
}

describeWithServer("postgres://", postgresBinary, () => {
  test("opens the tables of the URL's prefix, and says what is wrong where there are none", async () => {
    const { url } = await untilTestEnds<PrivateServer>(startPostgres());
    const pool = new Pool({ connectionString: url });
    onTestFinished(() => pool.end());
    const store = postgresStore(pool, { tablePrefix: "shop_" });
    await store.migrate();
    await settleByUrl(store, `${url}?tablePrefix=shop_`);
    await settleByUrl(store, `${url}?tablePrefix=shop_`, "order-8", projectWith("postgres"));
    const { code, stderr } = await runCli(["keys", "list", "--store", url]);
    expect({ code, stderr }).toEqual({
      code: exitCodes.usage,
      stderr: expect.stringContaining("once-again migrate --store URL"),
    });
    const client = new Client({ connectionString: url });
    await client.connect();
    onTestFinished(() => client.end());
    const made = await client.query("SELECT 1 FROM pg_tables WHERE tablename = 'once_again_keys'");
    expect(made.rows).toEqual([]);
  });
});

describeWithServer("mysql://", mariadbBinary, () => {
  test("opens the tables of the URL's prefix", async () => {
    const { url } = await untilTestEnds<PrivateServer>(startMariadb());
    const store = mariadbStore(mariadbPool(url), { tablePrefix: "shop_" });
    await store.migrate();
    await settleByUrl(store, `${url}?tablePrefix=shop_`);
    await settleByUrl(store, `${url.replace("mysql:", "mariadb:")}?tablePrefix=shop_`, "order-8");
  });
});

describeWithServer("redis://", redisBinary, () => {
  test("opens the keys of the URL's prefix", async () => {
    const { url, port } = await untilTestEnds<PrivateServer>(startRedis());
    const client = new Redis({ port });
    onTestFinished(() => client.disconnect());
    const store = redisStore(client, { prefix: "shop:" });
    await settleByUrl(store, `${url}/0?prefix=shop:`);
    await settleByUrl(store, `${url}/0?prefix=shop:`, "order-8", projectWith("redis"));
  });

  test("opens a cluster, once it is up", async () => {
    const { nodes } = await untilTestEnds(startRedisCluster());
    const url = `${nodes[0]!.url}?cluster`;
    const list = () => runCli(["keys", "list", "--store", url]);
    await expect.poll(list).toMatchObject({ code: exitCodes.fine });
    const store = await storeFromUrl(url);
    onTestFinished(() => store.close());
    await settleByUrl(store, url);
    await settleByUrl(store, url, "order-8", projectWith("redis"));
  });
});

describeWithServer("dynamodb://", motoBinary, () => {
  test("opens the table that the URL names, where the variables of AWS say", async () => {
    const { url } = await untilTestEnds<PrivateServer>(startMoto());
    const client = dynamodbClient(url);
    onTestFinished(() => client.destroy());
    await createTable(client, "keys");
    for (const [name, value] of Object.entries(awsEnvironment({ url }))) vi.stubEnv(name, value);
    onTestFinished(() => void vi.unstubAllEnvs());
    const store = dynamodbStore(client, { table: "keys", prefix: "shop", requestMsMax: waitMsMax });
    await settleByUrl(store, "dynamodb://us-east-1/keys?prefix=shop");
    const nameless = await runCli(["keys", "list", "--store", "dynamodb://us-east-1"]);
    expect(nameless).toMatchObject({ code: exitCodes.usage, stderr: expect.stringContaining("names no table") });
  });
});

describeWithServer("nats://", natsBinary, () => {
  test("opens the bucket that the URL names", async () => {
    const { url, port } = await untilTestEnds<PrivateServer>(startNats());
    const connection = await natsConnection([port]);
    onTestFinished(() => connection.close());
    await settleByUrl(await natsStore(await bucket(connection, "keys"), { requestMsMax: waitMsMax }), `${url}/keys`);
    const missing = await runCli(["keys", "list", "--store", `${url}/other`]);
    expect(missing).toMatchObject({ code: exitCodes.usage, stdout: "" });
    const nameless = await runCli(["keys", "list", "--store", url]);
    expect(nameless).toMatchObject({ code: exitCodes.usage, stderr: expect.stringContaining("must name the bucket") });
  });
});

test.for([
  "postgres://u:hunter2@127.0.0.1:1/x",
  "mysql://u:hunter2@127.0.0.1:1/x",
  "redis://u:hunter2@127.0.0.1:1",
  "nats://u:hunter2@127.0.0.1:1/keys",
])("a server that is not there ends the command, and no password is shown: %s", async (url) => {
  const { code, stdout, stderr } = await runCli(["keys", "list", "--store", url]);
  expect({ code, stdout }).toEqual({ code: exitCodes.usage, stdout: "" });
  expect(stderr).toMatch(/^error: .*refused.*\n$/i);
  expect(stderr).not.toContain("hunter2");
});

describe.concurrent("a server that takes the connection and is silent ends the command", () => {
  test.for([
    ["postgres://u:hunter2@", "/x"],
    ["mysql://u:hunter2@", "/x"],
    ["redis://u:hunter2@", ""],
    ["nats://u:hunter2@", "/keys"],
    ["dynamodb://eu-west-1/keys", ""],
  ] as const)("%s…%s", async ([start, end], { expect, onTestFinished }) => {
    const sockets: Socket[] = [];
    const silent = createServer((socket) => void sockets.push(socket.on("error", () => undefined)));
    silent.listen(0, "127.0.0.1");
    await once(silent, "listening");
    onTestFinished(() => {
      for (const socket of sockets) socket.destroy();
      silent.close();
    });
    const place = `127.0.0.1:${(silent.address() as AddressInfo).port}`;
    const url = start.startsWith("dynamodb:") ? start : start + place + end;
    const aws = awsEnvironment({ url: `http://${place}` });
    const { code, stdout, stderr } = await runCli(["keys", "list", "--store", url], aws);
    expect({ code, stdout }).toEqual({ code: exitCodes.usage, stdout: "" });
    expect(stderr).toMatch(/^error: The store's database did not answer for \d+ ms\.\n$/);
    expect(sockets.length).toBeGreaterThan(0);
  });
});

test("a URL of another kind names those that there are", async () => {
  await expect(storeFromUrl("mongodb://u:hunter2@host/x")).rejects.toThrow(/no store for mongodb:.*postgres:/);
});

test("a missing driver is reported with the command that installs it", () => {
  expect(() => loadDriver("Oracle", ["no-such-driver/promise", "@nor/this"])).toThrow(
    "Oracle needs a driver, and none is installed here: npm install no-such-driver (or @nor/this)",
  );
  expect(() => loadDrivers("Oracle", ["pg", "@nor/this"])).toThrow("npm install pg @nor/this");
});

test("the driver of the project where the command runs comes first", async () => {
  const folder = temporaryFolder();
  mkdirSync(join(folder, "node_modules", "ioredis"), { recursive: true });
  const driver = "exports.Redis = class { on() {} async connect() { throw new Error('the project`s own'); } };";
  writeFileSync(join(folder, "node_modules", "ioredis", "index.js"), driver);
  const { stderr } = await runCli(["keys", "list", "--store", "redis://127.0.0.1:1"], {}, folder);
  expect(stderr).toBe("error: the project`s own\n");
});
