import { execFile } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import process from "node:process";
import { pathToFileURL } from "node:url";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { startHttpServer } from "../support/http-server.ts";
import { describeWithServer } from "../support/servers/describe-with-server.ts";
import { natsBinary, startNats, startNatsCluster } from "../support/servers/nats.ts";
import { postgresBinary, startPostgres } from "../support/servers/postgres.ts";
import { redisBinary, startRedis } from "../support/servers/redis.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

// The pages show the programs that run here.

const folders = (path: string): string[] =>
  readdirSync(path, { recursive: true, encoding: "utf8" })
    .filter((file) => !file.includes("node_modules"))
    .map((file) => join(path, file));

// The pages of docs/api are made by `npm run docs:build`, of comments.
const pages = [...readdirSync("."), ...folders("docs")].filter(
  (file) => file.endsWith(".md") && !file.startsWith(join("docs", "api")),
);

/** The programs on a page: the mark before each names its source. */
const programsOn = (page: string): (string | undefined)[] =>
  Array.from(
    readFileSync(page, "utf8").matchAll(/(?:<!-- example: (\S+) -->\n\n)?^```(?:ts|js|typescript|javascript)\b/gm),
    ([, source]) => source,
  );

test.each(pages)("each program on %s has a source", (page) => {
  expect(programsOn(page)).not.toContain(undefined);
});

test("each program that connects to NATS comes back however long NATS was away", () => {
  const programs = [...folders("examples"), ...folders("packages/create-once-again/templates")].filter(
    (file) => file.endsWith(".ts") && readFileSync(file, "utf8").includes('from "@nats-io/transport-node"'),
  );
  expect(programs).not.toEqual([]);
  // By default its client gives up after ten attempts, and its connection is closed for good.
  expect(programs.filter((file) => !readFileSync(file, "utf8").includes("maxReconnectAttempts: -1"))).toEqual([]);
});

test("each program on a page is named by a test, or by a program that uses it", () => {
  const tests = [...folders("test"), ...folders("packages/once-again/src"), ...folders("packages/tools/src")].filter(
    (file) => file.endsWith(".test.ts"),
  );
  const text = [...tests, ...folders("examples/guides")].map((file) => readFileSync(file, "utf8")).join("\n");
  const sources = new Set(pages.flatMap(programsOn));
  const unnamed = [...sources].filter((source = "") => {
    return !new RegExp(`["'\`/]${basename(source, ".ts")}(\\.ts)?["'\`]`).test(text);
  });
  expect(unnamed).toEqual([]);
});

/** Runs a few lines with what a guide's program exports, in a new folder. */
async function withProgram(name: string, lines: string, environment: Record<string, string> = {}): Promise<string> {
  const program = pathToFileURL(`examples/guides/${name}.ts`).href;
  const script = `const exported = await import("${program}");\n${lines}\nprocess.exit();`;
  const args = ["--conditions=@once-again/source", "--input-type=module", "--eval", script];
  const options = { cwd: temporaryFolder(), env: { ...process.env, ...environment } };
  return (await promisify(execFile)(process.execPath, args, options)).stdout;
}

const sendTwice = `
  for (let time = 1; time <= 2; time += 1) {
    const headers = { "idempotency-key": "order-7", "x-account": "acme" };
    const answer = await exported.orders(new Request("http://shop.example/", { method: "POST", headers, body: "{}" }));
    console.log(answer.status, answer.headers.get("idempotent-replayed") ?? "first");
  }`;

test("observe-server makes one order of two requests", async () => {
  expect(await withProgram("observe-server", sendTwice)).toBe("201 first\n201 true\n");
});

test("libsql-store makes one order of two requests", async () => {
  expect(await withProgram("libsql-store", sendTwice)).toBe("201 first\n201 true\n");
});

test("observe-prometheus serves metrics", async () => {
  const lines = `
    for (;;) {
      const response = await fetch("http://127.0.0.1:9464/metrics").catch(() => undefined);
      if (response === undefined) continue;
      process.stdout.write((await response.text()).match(/^target_info/m)?.[0] ?? "missing");
      break;
    }`;
  expect(await withProgram("observe-prometheus", lines)).toBe("target_info");
});

test("nested-retries sends what its fetch is given", async () => {
  const url = await startHttpServer((_request, response) => response.end("fine"));
  const lines = `process.stdout.write(await (await exported.fetch("${url}")).text());`;
  expect(await withProgram("nested-retries", lines)).toBe("fine");
});

test("observe-calls calls", async () => {
  const url = await startHttpServer((_request, response) => void response.writeHead(201).end());
  const lines = `console.log((await exported.fetch("${url}")).status);`;
  expect(await withProgram("observe-calls", lines)).toBe("201\n");
});

describeWithServer("redis-store", redisBinary, () => {
  test("makes one order of two requests, and finds nothing wrong", async () => {
    await using server = await startRedis();
    expect(await withProgram("redis-store", sendTwice, { REDIS_URL: server.url })).toBe("201 first\n201 true\n");
  });
});

describeWithServer("nats-store", natsBinary, () => {
  test("makes one order of two requests", async () => {
    await using cluster = await startNatsCluster();
    const servers = cluster.nodes.map(({ url }) => url).join(",");
    expect(await withProgram("nats-store", sendTwice, { NATS_SERVERS: servers })).toBe("201 first\n201 true\n");
  });
});

describeWithServer("jetstream", natsBinary, () => {
  describeWithServer("with PostgreSQL", postgresBinary, () => {
    test("packs the parcel of an order that was committed, and of no other", async () => {
      await using database = await startPostgres();
      await using broker = await startNats();
      const lines = `
        const { pool, outbox, close } = exported;
        await pool.query("CREATE TABLE parcels (order_id text NOT NULL)");
        for (const [id, end] of [["lost", "ROLLBACK"], ["order-7", "COMMIT"]]) {
          const client = await pool.connect();
          await client.query("BEGIN");
          await outbox.add(client, { topic: "order.placed", orderingKey: id, body: { id } });
          await client.query(end);
          client.release();
        }
        let rows = [];
        while (rows.length === 0) ({ rows } = await pool.query("SELECT order_id FROM parcels"));
        console.log(rows.map((row) => row.order_id).join());
        await close();`;
      const environment = { DATABASE_URL: database.url, NATS_URL: broker.url };
      expect(await withProgram("jetstream", lines, environment)).toBe("order-7\n");
    });
  });
});
