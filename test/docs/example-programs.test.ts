import { spawn } from "node:child_process";
import { once } from "node:events";
import { text } from "node:stream/consumers";
import { expect, test } from "vitest";
import { describeWithServer } from "../support/servers/describe-with-server.ts";
import { postgresBinary, startPostgres } from "../support/servers/postgres.ts";
import { redisBinary, startRedisCluster } from "../support/servers/redis.ts";
import { serverPort } from "../support/servers/server-port.ts";

// The larger examples, as examples/README.md starts them.

async function run(program: string, environment: Record<string, string> = {}): Promise<string> {
  const child = spawn(process.execPath, ["--conditions=@once-again/source", `examples/${program}/main.ts`], {
    env: { ...process.env, ...environment },
    stdio: ["ignore", "pipe", "inherit"],
    timeout: 90_000,
  });
  const [printed, [code]] = await Promise.all([text(child.stdout), once(child, "exit")]);
  expect(code).toBe(0);
  return printed;
}

test("mobile: every order is made once, though the app was killed", { timeout: 90_000 }, async () => {
  expect(await run("mobile")).toMatch(/The app was killed[^]*\n8 orders made, 8 of them different\.\n$/);
});

describeWithServer("payments", postgresBinary, () => {
  test("one charge for each order, though answers are lost and the shop is killed", { timeout: 90_000 }, async () => {
    await using database = await startPostgres();
    const printed = await run("payments", { DATABASE_URL: database.url, PORT: String(await serverPort()) });
    expect(printed.match(/^order \d+: 201 /gm)).toHaveLength(10);
    expect(printed).toContain("(the shop was killed, and starts again)");
    expect(printed).toMatch(/\n10 charges for 10 orders\n$/);
  });
});

describeWithServer("cluster", redisBinary, () => {
  test("fifty repeats over two servers make one order", { timeout: 90_000 }, async () => {
    await using cluster = await startRedisCluster();
    const nodes = cluster.nodes.map(({ port }) => `127.0.0.1:${port}`).join(",");
    const printed = await run("cluster", { REDIS_NODES: nodes });
    expect(printed).toMatch(/^50 answers, 1 different: \{"order":1,/);
    expect(printed).toMatch(/\n49 from memory; orders made: 1\n$/);
  });
});
