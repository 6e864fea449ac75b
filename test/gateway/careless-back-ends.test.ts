import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import type { Store } from "../../packages/once-again/src/stores/store.ts";
import { postgresStore } from "../../packages/once-again/src/stores/postgres/index.ts";
import { serverStoreFromUrl } from "../../packages/once-again/src/command/store-from-url.ts";
import { openConfig } from "../../packages/gateway/src/config/open-config.ts";
import { readConfig } from "../../packages/gateway/src/config/read-config.ts";
import { startGateway } from "../../packages/gateway/src/gateway.ts";
import { verify, type VerifyReport } from "../../packages/tools/src/verify/index.ts";
import { databases, pgPool } from "../postgres/databases.ts";
import type { ServerBinary } from "../support/servers/binary.ts";
import { describeWithServer } from "../support/servers/describe-with-server.ts";
import { postgresBinary } from "../support/servers/postgres.ts";
import { redisBinary, startRedis } from "../support/servers/redis.ts";
import { serverPort } from "../support/servers/server-port.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { casesOf } from "../verify/orders.ts";

// The purpose of the gateway: services that do nothing for their keys, in four languages, pass every case behind it.

/** A service of examples/gateway. */
interface BackEnd {
  readonly language: string;
  readonly binary: ServerBinary;
  /** The arguments that run it on a port. */
  readonly args: (port: number) => readonly string[];
  readonly path: string;
}

const backEnds: readonly BackEnd[] = [
  {
    language: "Node",
    binary: { name: "node", install: "apt-get install -y nodejs" },
    args: () => ["examples/gateway/orders.ts"],
    path: "/orders",
  },
  {
    language: "Python",
    binary: { name: "python3", install: "apt-get install -y python3" },
    args: () => ["examples/gateway/orders.py"],
    path: "/orders",
  },
  {
    language: "Perl",
    binary: { name: "perl", install: "apt-get install -y perl" },
    args: () => ["examples/gateway/orders.pl"],
    path: "/orders",
  },
  {
    language: "a shell CGI",
    binary: { name: "busybox", install: "apt-get install -y busybox" },
    args: (port) => ["httpd", "-f", "-p", `127.0.0.1:${port}`, "-h", "examples/gateway"],
    path: "/cgi-bin/orders",
  },
];

/** Starts one until the running test ends. */
async function start({ binary, args, path }: BackEnd): Promise<{ url: string; count(): Promise<number> }> {
  const port = await serverPort();
  const command = binary.name === "node" ? process.execPath : binary.name;
  const child = spawn(command, args(port), {
    env: { ...process.env, PORT: String(port), ORDERS: join(temporaryFolder(), "orders") },
    stdio: "ignore",
  });
  onTestFinished(async () => {
    child.kill("SIGKILL");
    await once(child, "exit");
  });
  const url = `http://127.0.0.1:${port}${path}`;
  const count = async (): Promise<number> => Number(await (await fetch(url)).text());
  await expect.poll(() => count().catch(() => undefined)).toBe(0);
  return { url, count };
}

/** Puts the gateway in front of a service until the running test ends. */
async function gatewayTo(upstream: string, store: Store): Promise<string> {
  const config = readConfig({
    flags: {
      "--upstream": { path: ["upstream"], value: new URL(upstream).origin },
      "--store": { path: ["store"], value: "sqlite:opened-by-the-test.db" },
      "--scope": { path: ["scope"], value: "header:x-account" },
    },
  });
  const { options, close } = openConfig(config, store);
  const gateway = await startGateway(options);
  onTestFinished(async () => {
    await gateway.close();
    await close();
    await store.close();
  });
  return `${gateway.url}${new URL(upstream).pathname}`;
}

const verified = (url: string, count: () => Promise<number>, only?: readonly string[]): Promise<VerifyReport> =>
  verify({
    url,
    body: '{"item":"tea","reference":"{{unique}}"}',
    failingBody: '{"fail":true}',
    headers: [["x-account", "acme"]],
    otherHeaders: [["x-account", "other"]],
    longerHeaders: [["x-account", "acme1"]],
    effects: count,
    strictness: "draft",
    pauseMs: 100,
    memory: 110,
    ...(only && { only }),
  });

/** The cases that need duplicates that meet, which is a matter of chance, optional keys, a restart, or a second token. */
const chance = /^(C05|C06|R16|R18|S06) /;

describe.each(backEnds)("$language", (backEnd) => {
  describeWithServer("is careless", backEnd.binary, () => {
    test("without the gateway it fails cases of every group", async () => {
      const { url, count } = await start(backEnd);
      const failed = casesOf(await verified(url, count), "fail").map((found) => found[0]);
      expect(new Set(failed)).toEqual(new Set("KRFCDSE"));
    });

    const passes = (title: string, open: () => Promise<Store>): void => {
      test(`behind the gateway no case fails or warns, over ${title}`, async () => {
        const { url, count } = await start(backEnd);
        const report = await verified(await gatewayTo(url, await open()), count);
        const unasked = casesOf(report, "not-applicable").filter((found) => !chance.test(found));
        expect({ wrong: casesOf(report, "fail", "warn"), unasked }).toEqual({ wrong: [], unasked: [] });
      });
    };

    passes("SQLite", async () => serverStoreFromUrl(`sqlite:${join(temporaryFolder(), "keys.db")}`));

    describeWithServer("PostgreSQL", postgresBinary, () => {
      const { create } = databases();
      passes("PostgreSQL", async () => {
        const url = await create();
        await postgresStore(pgPool(url)).migrate();
        return serverStoreFromUrl(url);
      });
    });

    describeWithServer("Redis", redisBinary, () => {
      passes("Redis", async () => {
        const server = await startRedis();
        onTestFinished(() => server[Symbol.asyncDispose]());
        return serverStoreFromUrl(server.url);
      });
    });
  });
});
