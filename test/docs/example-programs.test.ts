import { spawn } from "node:child_process";
import { once } from "node:events";
import { text } from "node:stream/consumers";
import { expect, test } from "vitest";
import { describeWithServer } from "../support/servers/describe-with-server.ts";
import { postgresBinary, startPostgres } from "../support/servers/postgres.ts";
import { rabbitmqBinary, startRabbitmq } from "../support/servers/rabbitmq.ts";
import { redisBinary, startRedisCluster } from "../support/servers/redis.ts";
import { serverPort } from "../support/servers/server-port.ts";

// The larger examples, as examples/README.md starts them.

async function run(program: string, environment: Record<string, string> = {}): Promise<string> {
  const child = spawn(process.execPath, ["--conditions=@once-again/source", `examples/${program}/main.ts`], {
    env: { ...process.env, ...environment },
    stdio: ["ignore", "pipe", "inherit"],
  });
  const [printed, [code]] = await Promise.all([text(child.stdout), once(child, "exit")]);
  expect(code).toBe(0);
  return printed;
}

test("mobile: every order is made once, though the app was killed", async () => {
  expect(await run("mobile")).toMatch(/The app was killed[^]*\n8 orders made, 8 of them different\.\n$/);
});

test("webhooks: one effect for each, none for what is forged, and the newest stays", async () => {
  const printed = await run("webhooks", { PORT: String(await serverPort()) });
  expect(printed.match(/^.+: 401$/gm)).toHaveLength(4);
  expect(printed).toMatch(/\n50 copies at once: (?:204|204 and 409)\n/);
  expect(printed).toMatch(/\nthe order is shipped\nmail: Your order is paid\.\nmail: Your order is shipped\.\n$/);
});

describeWithServer("messages", rabbitmqBinary, () => {
  test("each order is billed and shipped once, though its message comes twice", async () => {
    await using broker = await startRabbitmq();
    const printed = await run("messages", { RABBITMQ_URL: broker.url });
    expect(printed).toBe("10 orders, 40 deliveries: 10 invoices, 10 parcels\n");
  });
});

describeWithServer("payments", postgresBinary, () => {
  test("one charge for each order, though answers are lost and the shop is killed", async () => {
    await using database = await startPostgres();
    const printed = await run("payments", { DATABASE_URL: database.url, PORT: String(await serverPort()) });
    expect(printed.match(/^order \d+: 201 /gm)).toHaveLength(10);
    expect(printed).toContain("(the shop was killed, and starts again)");
    expect(printed).toMatch(/\n10 charges for 10 orders\n$/);
  });
});

describeWithServer("cluster", redisBinary, () => {
  test("fifty repeats over two servers make one order", async () => {
    await using cluster = await startRedisCluster();
    const nodes = cluster.nodes.map(({ port }) => `127.0.0.1:${port}`).join(",");
    const printed = await run("cluster", { REDIS_NODES: nodes });
    expect(printed).toMatch(/^50 answers, 1 different: \{"order":1,/);
    expect(printed).toMatch(/\n49 from memory; orders made: 1\n$/);
  });
});
